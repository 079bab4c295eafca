package csv

import (
	"testing"

	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/formattest"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"x,1,2;3", "\"a\"\"b\",2,\n", "\"a\nb\",,1;\r\nz,4,", `a\,b,1,`, "#\n", "x,1,1;x", "\"", "a,b"} {
		f.Add([]byte(s), true, true)
		f.Add([]byte(s), false, false)
	}
	fields := formattest.Fields("a", types.String(), "b", types.Of(types.Int), "c", types.ArrayOf(types.Of(types.Int)))
	f.Fuzz(func(t *testing.T, data []byte, ignore, escape bool) {
		opts := format.Options{}
		if ignore {
			opts["ignore-parse-errors"] = "true"
		}
		if escape {
			opts["escape-character"], opts["allow-comments"] = `\`, "true"
		}
		formattest.Fuzz(t, decoder(t, fields, nil, opts), fields, []byte("good,1,2;3"), data)
	})
}
