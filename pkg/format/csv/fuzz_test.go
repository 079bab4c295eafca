package csv

import (
	"bufio"
	"bytes"
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

// FuzzSplit decodes a file line by line, as the filesystem connector splits it, and at once: both give the same rows.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"a,1\nb,2", "\"x\ny\",1\r\nz\"q,2\n", "\"a\"\"\n\",3\n\n\n", "# c \"\na,1", "\"open,1\n2", "a\\\n,1"} {
		f.Add([]byte(s), false, false)
		f.Add([]byte(s), true, true)
	}
	fields := formattest.Fields("a", types.String(), "b", types.Of(types.Int))
	f.Fuzz(func(t *testing.T, data []byte, escape, comments bool) {
		o := Options{Delimiter: ',', Quote: '"', ArrayDelimiter: ";", AllowComments: comments}
		if escape {
			o.Escape = '\\'
		}
		d, err := NewDecoder(fields, nil, o)
		if err != nil {
			t.Fatal(err)
		}
		ok := true
		whole := formattest.NewBuilder(fields)
		d.Decode([]format.Message{{Value: data}}, whole, func(int, error) { ok = false })
		if !ok {
			return
		}
		var lines []format.Message
		in := bufio.NewScanner(bytes.NewReader(data))
		in.Buffer(nil, 1<<20)
		in.Split(o.Split)
		for in.Scan() {
			lines = append(lines, format.Message{Value: bytes.Clone(in.Bytes())})
		}
		if in.Err() != nil {
			t.Fatal(in.Err())
		}
		apart := formattest.NewBuilder(fields)
		d.Decode(lines, apart, func(i int, err error) { t.Errorf("line %d %q: %v", i, lines[i].Value, err) })
		if a, b := whole.Build().String(), apart.Build().String(); a != b {
			t.Errorf("at once\n%sline by line\n%s", a, b)
		}
	})
}
