package filesystem

import (
	"context"
	"io"

	"github.com/freshet-dw/freshet/pkg/blob"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/avro"
	"github.com/freshet-dw/freshet/pkg/format/formats"
	"github.com/freshet-dw/freshet/pkg/format/parquet"
)

// fileWriter writes batches of the table's file columns to one file.
type fileWriter interface {
	Write(b *batch.Batch) error
	// Close ends the file's content and leaves the object open.
	Close() error
	Bytes() int64
}

func (tb *table) newWriter(w io.Writer) (fileWriter, error) {
	if tb.format == parquet.Name {
		opts, err := parquet.ParseOptions(tb.opts)
		if err != nil {
			return nil, err
		}
		return parquet.NewWriter(w, tb.fields(tb.columns), opts)
	}
	if tb.format == avro.Name {
		opts, err := avro.ParseFileOptions(tb.opts)
		if err != nil {
			return nil, err
		}
		return avro.NewFileWriter(w, tb.fields(tb.columns), opts)
	}
	enc, err := formats.NewEncoder(tb.format, tb.fields(tb.columns), tb.opts)
	return &lineWriter{w: w, enc: enc}, err
}

// lineWriter writes formats that have a line per row.
type lineWriter struct {
	w   io.Writer
	enc format.Encoder
	buf []byte
	n   int64
}

func (l *lineWriter) Write(b *batch.Batch) error {
	l.buf = l.buf[:0]
	err := l.enc.Encode(b, func(_ int, v []byte) error {
		l.buf = append(l.buf, v...)
		if len(v) == 0 || v[len(v)-1] != '\n' {
			l.buf = append(l.buf, '\n')
		}
		return nil
	})
	if err != nil {
		return err
	}
	n, err := l.w.Write(l.buf)
	l.n += int64(n)
	return err
}

func (l *lineWriter) Close() error { return nil }
func (l *lineWriter) Bytes() int64 { return l.n }

// writeFile makes one object of batches.
func (tb *table) writeFile(ctx context.Context, store blob.Store, name string, batches ...*batch.Batch) (err error) {
	obj, err := store.Create(ctx, name)
	if err != nil {
		return err
	}
	w, err := tb.newWriter(obj)
	for i := 0; err == nil && i < len(batches); i++ {
		err = w.Write(batches[i])
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		obj.Abort()
		return err
	}
	return obj.Close()
}
