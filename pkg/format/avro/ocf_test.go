package avro

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/hamba/avro/v2/ocf"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/formattest"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func readFile(data []byte, fields, schema []format.Field) (string, error) {
	r, err := NewFileReader(bytes.NewReader(data), fields, schema)
	if err != nil {
		return "", err
	}
	defer func() { _ = r.Close() }()
	var out strings.Builder
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out.String(), nil
		}
		if err != nil {
			return out.String(), err
		}
		out.WriteString(b.String())
	}
}

// TestFiles writes files with all codecs and reads them, as the Avro library does.
func TestFiles(t *testing.T) {
	f := allFields()
	b := rows(t, f, allJSON, `{"i":0}`)
	for _, codec := range []string{"null", "deflate", "snappy", "zstandard"} {
		o, err := ParseFileOptions(format.Options{"codec": codec, "timestamp_mapping.legacy": "false"})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		w, err := NewFileWriter(&out, f, o)
		if err != nil {
			t.Fatal(err)
		}
		want := ""
		for range 400 { // some blocks
			if err := w.Write(b); err != nil {
				t.Fatal(err)
			}
			want += b.String()
		}
		if err := w.Close(); err != nil || w.Bytes() != int64(out.Len()) {
			t.Fatal(err, w.Bytes(), out.Len())
		}
		data := out.Bytes()
		if got, err := readFile(data, f, nil); got != want || err != nil {
			t.Errorf("%s: %v, %d bytes of text, want %d", codec, err, len(got), len(want))
		}
		if got, err := readFile(data, f[3:4], f); err != nil || got != strings.Repeat("+I[-70000]\n+I[0]\n", 400) {
			t.Errorf("%s: one column: %v %.40s", codec, err, got)
		}
		d, err := ocf.NewDecoder(bytes.NewReader(data))
		if err != nil {
			t.Fatal(codec, err)
		}
		n := 0
		for d.HasNext() {
			var v map[string]any
			if err := d.Decode(&v); err != nil {
				t.Fatal(codec, err)
			}
			n++
		}
		if d.Error() != nil || n != 800 {
			t.Errorf("%s: the library reads %d records: %v", codec, n, d.Error())
		}
		for _, cut := range []int{3, 50, len(data) - 20, len(data) - 1} {
			if _, err := readFile(data[:cut], f, nil); err == nil {
				t.Errorf("%s: a file cut at %d of %d is no error", codec, cut, len(data))
			}
		}
		bad := bytes.Clone(data)
		bad[len(bad)-1] ^= 1
		if _, err := readFile(bad, f, nil); err == nil || !strings.Contains(err.Error(), "the mark at its end") {
			t.Errorf("%s: %v", codec, err)
		}
	}
}

func FuzzFile(f *testing.F) {
	fields := formattest.Fields("i", types.Of(types.Int), "s", types.String())
	b := rows(f, fields, `{"i":1,"s":"a"}`, `{"i":2}`)
	for _, codec := range []string{"null", "deflate", "snappy", "zstandard"} {
		var out bytes.Buffer
		w, err := NewFileWriter(&out, fields, FileOptions{Codec: codec})
		if err == nil {
			err = errors.Join(w.Write(b), w.Close())
		}
		if err != nil {
			f.Fatal(err)
		}
		f.Add(out.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := NewFileReader(bytes.NewReader(data), fields, nil)
		if err != nil {
			return
		}
		defer func() { _ = r.Close() }()
		for n := 0; n < 1<<20; {
			var b *batch.Batch
			if b, err = r.Next(); err != nil {
				return
			}
			n += b.N
		}
	})
}
