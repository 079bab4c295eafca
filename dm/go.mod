module github.com/freshet-dw/freshet/dm

go 1.26.0

require github.com/freshet-dw/freshet/pkg v0.0.0

replace github.com/freshet-dw/freshet/pkg => ../pkg
