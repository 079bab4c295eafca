package clickhouse

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
)

// date32Encoder writes days since 1970 as they are.
type date32Encoder struct{ stateless }

func (date32Encoder) rows(out []byte, a arrow.Array) ([]byte, error) {
	if a.DataType().ID() != arrow.DATE32 {
		return out, errMismatch(a, "Date32")
	}
	return append(out, fixedBytes(a, 4)...), nil
}

// dateEncoder writes Date: 1970-01-01 to 2149-06-06.
type dateEncoder struct{ stateless }

func (dateEncoder) rows(out []byte, a arrow.Array) ([]byte, error) {
	d, ok := a.(*array.Date32)
	if !ok {
		return out, errMismatch(a, "Date")
	}
	for i, v := range d.Date32Values() {
		if (v < 0 || v > math.MaxUint16) && a.IsValid(i) {
			return out, fmt.Errorf("row %d: %s is outside of Date; use Date32", i, v.FormattedString())
		}
		out = binary.LittleEndian.AppendUint16(out, uint16(v))
	}
	return out, nil
}

// timeEncoder writes timestamps at the column's precision. Digits beyond it are cut off, as ClickHouse does.
type timeEncoder struct {
	stateless
	scale  int64 // ticks in a second
	narrow bool  // DateTime: 32-bit seconds
}

var powers = [...]int64{1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}

func newTimeEncoder(t columnType) (encoder, error) {
	p, err := t.word(0, 3)
	if err != nil {
		return nil, err
	}
	if p < 0 || p > 9 {
		return nil, fmt.Errorf("column type %s: bad precision", t.text)
	}
	return timeEncoder{scale: powers[p]}, nil
}

var ticks = map[arrow.TimeUnit]int64{arrow.Second: 1, arrow.Millisecond: 1e3, arrow.Microsecond: 1e6, arrow.Nanosecond: 1e9}

func (e timeEncoder) rows(out []byte, a arrow.Array) ([]byte, error) {
	ts, ok := a.(*array.Timestamp)
	if !ok {
		return out, errMismatch(a, "DateTime")
	}
	from := ticks[ts.DataType().(*arrow.TimestampType).Unit]
	if e.narrow {
		for i, v := range ts.TimestampValues() {
			s := floorDiv(int64(v), from)
			if (s < 0 || s > math.MaxUint32) && a.IsValid(i) {
				return out, fmt.Errorf("row %d: %d seconds are outside of DateTime; use DateTime64", i, s)
			}
			out = binary.LittleEndian.AppendUint32(out, uint32(s))
		}
		return out, nil
	}
	switch {
	case from == e.scale:
		return append(out, fixedBytes(a, 8)...), nil
	case from > e.scale:
		for _, v := range ts.TimestampValues() {
			out = binary.LittleEndian.AppendUint64(out, uint64(floorDiv(int64(v), from/e.scale)))
		}
	default:
		factor := e.scale / from
		limit := math.MaxInt64 / factor
		for i, v := range ts.TimestampValues() {
			if (int64(v) > limit || int64(v) < -limit) && a.IsValid(i) {
				return out, fmt.Errorf("row %d: the time does not fit the column's precision", i)
			}
			out = binary.LittleEndian.AppendUint64(out, uint64(int64(v)*factor))
		}
	}
	return out, nil
}

// floorDiv rounds down, so that times before 1970 stay in their tick.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
