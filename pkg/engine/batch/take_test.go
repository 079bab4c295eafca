package batch_test

import (
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/kernel/kerneltest"
)

func sample(t *testing.T) *batch.Batch {
	b := batch.New(5, kerneltest.Column(t, "int64:[1 null 3 4 5]"), kerneltest.Column(t, "list<string>:[[a] [b c] null [] [e]]"))
	b.Kinds = []batch.Kind{batch.Insert, batch.Delete, batch.UpdateBefore, batch.UpdateAfter, batch.Insert}
	return b
}

func show(b *batch.Batch) string {
	if b == nil {
		return "nil"
	}
	return strings.ReplaceAll(strings.TrimSpace(b.String()), "\n", " ")
}

func check(t *testing.T, what string, b *batch.Batch, want string) {
	t.Helper()
	if got := show(b); got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

func TestRearrange(t *testing.T) {
	b := sample(t)
	check(t, "take", batch.Take(b, []int32{4, 1, -1}), "+I[5, [e]] -D[NULL, [b, c]] +I[NULL, NULL]")
	check(t, "slice", batch.Slice(b, 1, 3), "-D[NULL, [b, c]] -U[3, NULL]")
	check(t, "take of slice", batch.Take(batch.Slice(b, 1, 4), []int32{2, 0}), "+U[4, []] -D[NULL, [b, c]]")
	check(t, "select", batch.Select(batch.Slice(b, 3, 5), []int{1}), "+U[[]] +I[[e]]")
	check(t, "concat", batch.Concat([]*batch.Batch{batch.Slice(b, 4, 5), batch.New(1, batch.Slice(b, 0, 1).Cols...), batch.Slice(b, 2, 4)}),
		"+I[5, [e]] +I[1, [a]] -U[3, NULL] +U[4, []]")
}

func TestConcatOfInsertsHasNoKinds(t *testing.T) {
	b := sample(t)
	b.Kinds = nil
	if c := batch.Concat([]*batch.Batch{b, b}); c.N != 10 || c.Kinds != nil {
		t.Errorf("%d rows, kinds %v", c.N, c.Kinds)
	}
}

func TestPartition(t *testing.T) {
	b := sample(t)
	p := batch.Partition(b, []int32{2, 0, 2, 0, 2}, 4)
	check(t, "part 0", p[0], "-D[NULL, [b, c]] +U[4, []]")
	check(t, "part 1", p[1], "nil")
	check(t, "part 2", p[2], "+I[1, [a]] -U[3, NULL] +I[5, [e]]")
	if one := batch.Partition(b, []uint8{1, 1, 1, 1, 1}, 2); one[1] != b || one[0] != nil {
		t.Error("a batch with one destination is passed on as it is")
	}
	if none := batch.Partition(batch.New(0, []arrow.Array{}...), []uint8(nil), 3); len(none) != 3 || none[0] != nil {
		t.Error("an empty batch has no parts")
	}
}
