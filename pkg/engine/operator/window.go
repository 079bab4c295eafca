package operator

import (
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Windows are laid out on wall time: microseconds since 1970-01-01T00:00 as a clock on the wall shows them. For a TIMESTAMP
// that is the value itself. For a TIMESTAMP_LTZ (Win.Local) it is the instant in the session's zone, so that a window of a day
// starts at midnight there, and has 23 or 25 hours when the clocks change, as in Flink.

// millisecond is the step of window times: a window's last moment is a millisecond before its end.
const millisecond = 1000

// wallClock converts between instants and wall time, both in microseconds.
type wallClock struct {
	zone *time.Location // nil: wall time is the instant
	// The last offset looked up, in microseconds, and the instants for which it holds.
	offset, from, to int64
}

func newWallClock(w plan.WindowSpec, o Options) wallClock {
	c := wallClock{}
	if w.Local || w.ProcTime {
		if z := o.zone(); z != time.UTC {
			c.zone = z
		}
	}
	return c
}

func (c *wallClock) offsetAt(instant int64) int64 {
	if instant >= c.from && instant < c.to {
		return c.offset
	}
	t := time.UnixMicro(instant).In(c.zone)
	_, sec := t.Zone()
	c.offset, c.from, c.to = int64(sec)*1e6, NoWatermark, MaxWatermark
	start, end := t.ZoneBounds()
	if !start.IsZero() {
		c.from = start.UnixMicro()
	}
	if !end.IsZero() {
		c.to = end.UnixMicro()
	}
	return c.offset
}

// wall is what the clock shows at an instant.
func (c *wallClock) wall(instant int64) int64 {
	if c.zone == nil || instant == NoWatermark || instant == MaxWatermark {
		return instant
	}
	return instant + c.offsetAt(instant)
}

// instant is the last moment at which the clock shows wall; for a time that the clock skips, the moment as if it had not
// been put forward yet.
func (c *wallClock) instant(wall int64) int64 {
	if c.zone == nil {
		return wall
	}
	const day = 24 * 3600 * 1_000_000
	early, late := c.offsetAt(wall-day), c.offsetAt(wall+day)
	best, ok := int64(0), false
	for _, o := range [2]int64{early, late} {
		if t := wall - o; c.offsetAt(t) == o && (!ok || t > best) {
			best, ok = t, true
		}
	}
	if !ok {
		return wall - early
	}
	return best
}

// floor is the greatest multiple of step, counted from offset, that is not after t.
func floor(t, offset, step int64) int64 {
	r := (t - offset) % step
	if r < 0 {
		r += step
	}
	return t - r
}

// checkWindow refuses specs that no window fits.
func checkWindow(w plan.WindowSpec) error {
	switch {
	case w.Kind == plan.Session && w.Slide <= 0:
		return fault.New(fault.Config, "a session's gap must be positive")
	case w.Kind == plan.Session:
		return nil
	case w.Size <= 0:
		return fault.New(fault.Config, "a window's size must be positive")
	case w.Kind == plan.Tumble:
		return nil
	case w.Slide <= 0:
		return fault.New(fault.Config, "a window's slide or step must be positive")
	case w.Kind == plan.Cumulate && w.Size%w.Slide != 0:
		return fault.Newf(fault.Config, "a CUMULATE window's size (%v) must be a multiple of its step (%v)",
			time.Duration(w.Size)*time.Microsecond, time.Duration(w.Slide)*time.Microsecond)
	case w.Size/w.Slide > 100_000:
		return fault.Newf(fault.Config, "a row would be in %d windows: the most is 100000", w.Size/w.Slide)
	}
	return nil
}

// windowsOf calls fn for the windows [start, end) that wall time t falls into, in Flink's order.
func windowsOf(w plan.WindowSpec, t int64, fn func(start, end int64)) {
	switch w.Kind {
	case plan.Tumble:
		start := floor(t, w.Offset, w.Size)
		fn(start, start+w.Size)
	case plan.Hop:
		for start := floor(t, w.Offset, w.Slide); start > t-w.Size; start -= w.Slide {
			fn(start, start+w.Size)
		}
	case plan.Cumulate:
		start := floor(t, w.Offset, w.Size)
		for end := floor(t, w.Offset, w.Slide) + w.Slide; end <= start+w.Size; end += w.Slide {
			fn(start, end)
		}
	}
}

// rowTimes gives a batch's times as instants: the time column, or the epoch's clock for all rows. valid is nil when all rows
// have one.
func rowTimes(w plan.WindowSpec, b *batch.Batch, now time.Time, buf []int64) (times []int64, valid arrow.Array, err error) {
	if w.ProcTime {
		buf = buf[:0]
		for range b.N {
			buf = append(buf, now.UnixMicro())
		}
		return buf, nil, nil
	}
	col, ok := b.Cols[w.TimeCol].(*array.Timestamp)
	if !ok {
		return nil, nil, fault.Newf(fault.Internal, "window over a column of type %s", b.Cols[w.TimeCol].DataType())
	}
	if col.NullN() > 0 {
		valid = col
	}
	return asInts(col), valid, nil
}

// asInts gives a time column's values as microseconds, without copying.
func asInts(col *array.Timestamp) []int64 {
	return arrow.Int64Traits.CastFromBytes(arrow.TimestampTraits.CastToBytes(col.TimestampValues()))
}

// windowType is the type of a window column: as the plan says, else that of the time column, else TIMESTAMP_LTZ(3).
func windowType(out plan.Schema, i int, w plan.WindowSpec, in []types.Type) types.Type {
	if i < len(out) && out[i].Type.IsTimestamp() {
		return out[i].Type
	}
	if !w.ProcTime && w.TimeCol < len(in) {
		return in[w.TimeCol]
	}
	return types.TimestampLTZOf(3)
}

// windowValue is a wall time as a value of type t: the wall time itself as TIMESTAMP, the instant as TIMESTAMP_LTZ.
func windowValue(c *wallClock, t types.Type, wall int64) arrow.Timestamp {
	if t.Kind == types.TimestampLTZ {
		return arrow.Timestamp(c.instant(wall))
	}
	return arrow.Timestamp(wall)
}
