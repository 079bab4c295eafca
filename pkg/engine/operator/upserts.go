package operator

import (
	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/state"
)

// upserts spares the readers of a stream without -U deletes that an insert of the same batch makes good: where a row is taken back and
// the next row with its key agrees with it in all of the stream's keys, only that row goes out, as +U.
type upserts struct {
	keys    [][]int
	codecs  []*state.Codec
	encoded []state.Keys
	pending map[string]int32
	drop    []bool
}

func newUpserts(keys [][]int, out []arrow.DataType) *upserts {
	u := &upserts{keys: keys, encoded: make([]state.Keys, len(keys)), pending: map[string]int32{}}
	for _, k := range keys {
		var ts []arrow.DataType
		for _, i := range k {
			ts = append(ts, out[i])
		}
		u.codecs = append(u.codecs, state.NewCodec(ts))
	}
	return u
}

// fold gives b, whose kinds are +I and -D and may be changed, without such deletes.
func (u *upserts) fold(b *batch.Batch) *batch.Batch {
	if len(u.keys) == 0 || b.Kinds == nil {
		return b
	}
	for i, k := range u.keys {
		cols := make([]arrow.Array, len(k))
		for j, col := range k {
			cols[j] = b.Cols[col]
		}
		u.codecs[i].Encode(&u.encoded[i], cols, b.N)
	}
	clear(u.pending)
	u.drop = state.Resize(u.drop, b.N)
	clear(u.drop)
	dropped := 0
	for i, kind := range b.Kinds {
		key := u.encoded[0].At(i)
		if kind.Retracts() {
			u.pending[string(key)] = int32(i)
			continue
		}
		at, ok := u.pending[string(key)]
		if !ok {
			continue
		}
		delete(u.pending, string(key))
		if u.same(i, int(at)) {
			u.drop[at] = true
			b.Kinds[i] = batch.UpdateAfter
			dropped++
		}
	}
	if dropped == 0 {
		return b
	}
	idx := make([]int32, 0, b.N-dropped)
	for i, d := range u.drop {
		if !d {
			idx = append(idx, int32(i))
		}
	}
	return batch.Take(b, idx)
}

func (u *upserts) same(i, j int) bool {
	for k := range u.encoded {
		if string(u.encoded[k].At(i)) != string(u.encoded[k].At(j)) {
			return false
		}
	}
	return true
}
