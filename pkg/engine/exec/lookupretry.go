package exec

import (
	"context"
	"fmt"
	"time"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
)

// lookUp asks the store for keys. With the hint LOOKUP('retry-predicate' = 'lookup_miss', …) it asks again for those without a row, after a pause,
// as often as the hint allows: a dimension that comes a little later than its facts is waited for. The pause holds up the worker, as in Flink's
// synchronous lookups, but all misses of a batch wait together. The found rows of input row i are rows offsets[i] … offsets[i+1].
func (j *lookupJoin) lookUp(keys *batch.Batch) (*batch.Batch, []int32, error) {
	found, offsets, err := j.ask(keys)
	if err != nil || j.n.Retry == nil {
		return found, offsets, err
	}
	for attempt := 1; attempt < j.n.Retry.Attempts; attempt++ {
		missing := unanswered(keys, offsets)
		if len(missing) == 0 {
			break
		}
		if err := j.pause(j.ctx, j.n.Retry.Delay); err != nil {
			return nil, nil, err
		}
		more, at, err := j.ask(batch.Take(keys, missing))
		if err != nil {
			return nil, nil, err
		}
		if more.N > 0 {
			found, offsets = merge(found, offsets, more, at, missing)
		}
	}
	return found, offsets, nil
}

func (j *lookupJoin) ask(keys *batch.Batch) (*batch.Batch, []int32, error) {
	found, offsets, err := j.table.Lookup(j.ctx, keys)
	if err != nil {
		return nil, nil, fmt.Errorf("look up %d keys in %s: %w", keys.N, j.n.Table.Name, err)
	}
	if len(offsets) != keys.N+1 {
		return nil, nil, fault.Newf(fault.Internal, "lookup in %s gave %d offsets for %d keys", j.n.Table.Name, len(offsets), keys.N)
	}
	return found, offsets, nil
}

// unanswered are the rows of keys that asked for something and found nothing.
func unanswered(keys *batch.Batch, offsets []int32) []int32 {
	var out []int32
rows:
	for i := range int32(keys.N) {
		if offsets[i] < offsets[i+1] {
			continue
		}
		for _, c := range keys.Cols {
			if c.IsNull(int(i)) {
				continue rows
			}
		}
		out = append(out, i)
	}
	return out
}

// merge puts the rows that more has for the input rows missing among those of found.
func merge(found *batch.Batch, offsets []int32, more *batch.Batch, at, missing []int32) (*batch.Batch, []int32) {
	all, base := more, int32(0)
	if found.N > 0 {
		all, base = batch.Concat([]*batch.Batch{found, more}), int32(found.N)
	}
	idx, out := make([]int32, 0, all.N), make([]int32, 1, len(offsets))
	k := 0
	for i := range int32(len(offsets) - 1) {
		for r := offsets[i]; r < offsets[i+1]; r++ {
			idx = append(idx, r)
		}
		if k < len(missing) && missing[k] == i {
			for r := at[k]; r < at[k+1]; r++ {
				idx = append(idx, base+r)
			}
			k++
		}
		out = append(out, int32(len(idx)))
	}
	return batch.Take(all, idx), out
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
