package optimize

import (
	"math"

	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// intervalJoin recognises joins of append-only streams whose condition bounds the distance of two event times, or of two processing times,
// from both sides. Their state is bounded by the watermark or the clock, and they keep event time.
func intervalJoin(r *run) {
	r.transform(func(n plan.Node) plan.Node {
		j, ok := n.(*plan.Join)
		if !ok || j.Kind > plan.FullJoin {
			return n
		}
		l, rt := j.Left.Props(), j.Right.Props()
		if l.Mode != catalog.AppendOnly || rt.Mode != catalog.AppendOnly {
			return n
		}
		nl := len(l.Out)
		x := &plan.IntervalJoin{Kind: j.Kind, Left: j.Left, Right: j.Right, LeftKeys: j.LeftKeys, RightKeys: j.RightKeys,
			LeftTime: -1, RightTime: -1, Lower: math.MinInt64, Upper: math.MaxInt64}
		var rest []plan.Expr
		bound := func(op string, a, b plan.Expr) bool {
			lt, ld, ok1 := timeTerm(a, j.P.Out)
			tr, rd, ok2 := timeTerm(b, j.P.Out)
			if !ok1 || !ok2 {
				return false
			}
			if lt >= nl {
				lt, ld, tr, rd, op = tr, rd, lt, ld, flip(op)
			}
			if lt >= nl || tr < nl || x.LeftTime >= 0 && (lt != x.LeftTime || tr != x.RightTime+nl) {
				return false
			}
			if l.Out[lt].Attr != rt.Out[tr-nl].Attr {
				return false
			}
			x.LeftTime, x.RightTime, x.ProcTime = lt, tr-nl, l.Out[lt].Attr == plan.ProcTime
			step := int64(1000)
			if l.Out[lt].Type.Precision > 3 || rt.Out[tr-nl].Type.Precision > 3 {
				step = 1
			}
			// left + ld op right + rd, so right − left compares with ld − rd.
			d := ld - rd
			switch op {
			case "<=":
				x.Lower = max(x.Lower, d)
			case "<":
				x.Lower = max(x.Lower, d+step)
			case ">=":
				x.Upper = min(x.Upper, d)
			case ">":
				x.Upper = min(x.Upper, d-step)
			case "=":
				x.Lower, x.Upper = max(x.Lower, d), min(x.Upper, d)
			default:
				return false
			}
			return true
		}
		for _, e := range plan.Conjuncts(j.Cond) {
			if c, ok := e.(*plan.Call); ok && len(c.Args) == 2 && bound(c.Func, c.Args[0], c.Args[1]) {
				continue
			}
			rest = append(rest, e)
		}
		// Equal event times have become a key already; the key stays, the bound comes from it.
		for i := range j.LeftKeys {
			bound("=", ref(j.P.Out, j.LeftKeys[i]), ref(j.P.Out, j.RightKeys[i]+nl))
		}
		if x.Lower == math.MinInt64 || x.Upper == math.MaxInt64 {
			return n
		}
		x.Cond = plan.And(rest...)
		x.P.Out = j.P.Out
		return plan.New(x, j.P.Pos)
	})
}

// timeTerm reads a time attribute plus or minus a constant, in microseconds.
func timeTerm(e plan.Expr, out plan.Schema) (col int, delta int64, ok bool) {
	switch e := e.(type) {
	case *plan.ColRef:
		return e.Index, 0, out[e.Index].Attr != plan.NoTime
	case *plan.Call:
		switch e.Func {
		case "CAST":
			if from := e.Args[0].Type(); from.Kind == e.T.Kind && from.IsTimestamp() && e.T.Precision >= from.Precision {
				return timeTerm(e.Args[0], out)
			}
		case "+", "-":
			x, by := e.Args[0], e.Args[1]
			if _, first := x.(*plan.Literal); first && e.Func == "+" {
				x, by = by, x
			}
			l, isLit := Fold(by).(*plan.Literal)
			if !isLit || l.T.Kind != types.IntervalDayTime || l.Value == nil {
				return 0, 0, false
			}
			col, delta, ok = timeTerm(x, out)
			d := l.Value.(int64) * 1000
			if e.Func == "-" {
				d = -d
			}
			return col, delta + d, ok
		}
	}
	return 0, 0, false
}
