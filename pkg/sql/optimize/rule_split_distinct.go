package optimize

import (
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/function"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Settings of split_distinct, as in Flink except that splitting is on by default.
const (
	SplitSetting  = "table.optimizer.distinct-agg.split.enabled"
	BucketSetting = "table.optimizer.distinct-agg.split.bucket-num"
)

// buckets is how many parts a hot key is split into.
const buckets = 64

// splitDistinct aggregates in two levels where there are distinct aggregates over one argument: first by the keys and a bucket of the argument's
// hash, where a value meets all its equals, then the buckets' results by the keys. One hot key so spreads over all tasks.
func splitDistinct(r *run) {
	if r.p.Settings[SplitSetting] == "false" {
		return
	}
	r.transform(func(n plan.Node) plan.Node {
		if g, ok := n.(*plan.GroupAgg); ok && splittable(g) {
			return split(g)
		}
		return n
	})
}

func splittable(g *plan.GroupAgg) bool {
	arg := -1
	for _, a := range g.Aggs {
		switch a.Func {
		case "COUNT", "SUM", "SUM0", "AVG", "MIN", "MAX":
		default:
			return false
		}
		if !a.Distinct {
			continue
		}
		if len(a.Args) != 1 || arg >= 0 && a.Args[0] != arg {
			return false
		}
		arg = a.Args[0]
	}
	return arg >= 0 && !keyedSource(g)
}

// keyedSource tells whether the rows come from a source that is partitioned by g's keys already, so that splitting would add an exchange.
func keyedSource(g *plan.GroupAgg) bool {
	at, keys := g.Input, g.Keys
	for {
		switch n := at.(type) {
		case *plan.Source:
			return sourceKeyed(n, keys)
		case *plan.Calc:
			var down []int
			for _, k := range keys {
				if c, ok := n.Exprs[k].(*plan.ColRef); ok {
					down = append(down, c.Index)
				}
			}
			at, keys = n.Input, down
		case *plan.Watermark:
			at = n.Input
		default:
			return false
		}
	}
}

func split(g *plan.GroupAgg) plan.Node {
	in := g.Input.Props().Out
	arg := 0
	for _, a := range g.Aggs {
		if a.Distinct {
			arg = a.Args[0]
		}
	}
	pre := plan.Refs(in)
	bucket := plan.Expr(&plan.Call{Func: "$BUCKET", Args: []plan.Expr{ref(in, arg), &plan.Literal{Value: int64(buckets), T: types.Of(types.Int).AsNotNull()}},
		T: types.Of(types.Int).AsNotNull()})
	pre = append(pre, bucket)
	names := append(slices.Clone(in), plan.Column{Name: "$bucket"})
	first := &plan.GroupAgg{Keys: append(slices.Clone(g.Keys), len(in)), TTL: g.TTL}
	second := &plan.GroupAgg{TTL: g.TTL}
	nk := len(g.Keys)
	for i := range nk {
		second.Keys = append(second.Keys, i)
	}
	partial := func(a plan.AggCall) int {
		i := slices.IndexFunc(first.Aggs, func(b plan.AggCall) bool {
			return a.Func == b.Func && a.Distinct == b.Distinct && a.Filter == b.Filter && slices.Equal(a.Args, b.Args)
		})
		if i < 0 {
			i = len(first.Aggs)
			a.Name = "$part" + itoa(i)
			first.Aggs = append(first.Aggs, a)
		}
		return nk + 1 + i
	}
	final := func(fn string, col int, t types.Type) int {
		second.Aggs = append(second.Aggs, plan.AggCall{Func: fn, Args: []int{col}, Filter: -1, T: t, Name: "$agg" + itoa(len(second.Aggs))})
		return nk + len(second.Aggs) - 1
	}
	bigint := types.Of(types.BigInt).AsNotNull()
	type result struct{ sum, count int }
	results := make([]result, len(g.Aggs))
	for i, a := range g.Aggs {
		switch a.Func {
		case "COUNT":
			results[i] = result{final("SUM0", partial(a), bigint), -1}
		case "AVG":
			sum, count := a, a
			// AVG adds up in a type that its argument's sums fit in.
			wide := in[a.Args[0]].Type
			switch {
			case wide.IsInteger():
				wide = types.Of(types.BigInt)
			case wide.IsApprox():
				wide = types.Of(types.Double)
			}
			sum.Func, sum.T = "SUM", function.SumType(wide).AsNullable()
			sum.Args = []int{place(&pre, function.Cast(ref(in, a.Args[0]), wide.WithNull(in[a.Args[0]].Type.Nullable())))}
			count.Func, count.T = "COUNT", bigint
			results[i] = result{final("SUM", partial(sum), sum.T), final("SUM0", partial(count), bigint)}
		default:
			results[i] = result{final(a.Func, partial(a), a.T), -1}
		}
	}
	first.Input = calcOver(g.Input, nil, pre, names, g)
	plan.New(first, g.P.Pos)
	second.Input = first
	plan.New(second, g.P.Pos)
	out := second.P.Out
	var post []plan.Expr
	for i := range nk {
		post = append(post, ref(out, i))
	}
	for i, a := range g.Aggs {
		e := plan.Expr(ref(out, results[i].sum))
		if results[i].count >= 0 {
			e = average(e, ref(out, results[i].count), a.T)
		}
		post = append(post, e)
	}
	return calcOver(second, nil, post, g.P.Out, g)
}

// average is sum / count, NULL when there is nothing.
func average(sum plan.Expr, count *plan.ColRef, t types.Type) plan.Expr {
	n := plan.Expr(count)
	if sum.Type().IsApprox() {
		n = function.Cast(count, sum.Type())
	}
	div, err := function.Binary("/", sum, n)
	if err != nil {
		return sum // cannot happen: both are numbers
	}
	zero := &plan.Literal{Value: int64(0), T: count.T}
	empty := &plan.Call{Func: "=", Args: []plan.Expr{count, zero}, T: types.Of(types.Boolean).AsNotNull()}
	t = t.AsNullable()
	return &plan.Call{Func: "CASE", Args: []plan.Expr{empty, &plan.Literal{T: t}, function.Cast(div, t)}, T: t}
}
