module github.com/freshet-dw/freshet/ods

go 1.26.0

require (
	github.com/bufbuild/protocompile v0.14.1
	github.com/freshet-dw/freshet/pkg v0.0.0
	github.com/fsnotify/fsnotify v1.6.0 // indirect
	github.com/go-mysql-org/go-mysql v1.13.0 // indirect
	github.com/nxadm/tail v1.4.11 // indirect
	github.com/prometheus/client_golang v1.23.2
	github.com/twmb/franz-go v1.22.2
	github.com/twmb/franz-go/pkg/kadm v1.19.0
	github.com/twmb/franz-go/pkg/kfake v0.0.0-20260918054303-01f206a7e32c
	golang.org/x/sys v0.0.0-20220908164124-27713097b956 // indirect
	google.golang.org/protobuf v1.36.12
	gopkg.in/tomb.v1 v1.0.0-20141024135613-dd632973f1e7 // indirect
)

replace github.com/freshet-dw/freshet/pkg => ../pkg
