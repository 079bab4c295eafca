package bind

import (
	"slices"

	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// asOf binds left JOIN t FOR SYSTEM_TIME AS OF x ON …: with a processing-time x a look-up, with left's event time a temporal join.
func (b *Binder) asOf(j *ast.Join, left *rel, t *ast.TableName, with *ctes) *rel {
	x := b.expr(&scope{rel: left, clause: "FOR SYSTEM_TIME AS OF"}, t.AsOf)
	ref, ok := x.(*plan.ColRef)
	if ok && left.out()[ref.Index].Attr == plan.RowTime {
		return b.temporalJoin(j, left, t, ref.Index, with)
	}
	call, isCall := x.(*plan.Call)
	switch {
	case x.Type().Kind == types.Null:
		return nil
	case ok && left.out()[ref.Index].Attr == plan.ProcTime, isCall && call.Func == "PROCTIME":
		return b.lookupJoin(j, left, t)
	case ok:
		b.remedy(t.AsOf.Pos(), "declare a column AS PROCTIME() or a WATERMARK, and use that column", "FOR SYSTEM_TIME AS OF wants a time attribute of the left side, %s is %s", x, x.Type())
	default:
		b.remedy(t.AsOf.Pos(), "use a column AS PROCTIME(), or the column of the WATERMARK", "FOR SYSTEM_TIME AS OF wants a time attribute of the left side, not an expression")
	}
	return nil
}

func (b *Binder) temporalJoin(j *ast.Join, left *rel, t *ast.TableName, leftTime int, with *ctes) *rel {
	right := alias(b, b.tableName(t, with), t.Alias, t.Name.Last())
	if right == nil {
		return nil
	}
	rightTime := slices.IndexFunc(right.out(), func(c plan.Column) bool { return c.Attr == plan.RowTime })
	if rightTime < 0 {
		b.remedy(t.Pos(), "declare WATERMARK FOR its time column, or join by processing time if it can be looked up", "the versioned table %s of an event-time join has no event time", t.Name.Dotted())
		return nil
	}
	if j.Kind == ast.RightJoin || j.Kind == ast.FullJoin {
		b.remedy(j.Pos(), "write INNER JOIN or LEFT JOIN", "a temporal join cannot be a %s join", joinKinds[j.Kind])
		return nil
	}
	n := plan.New(&plan.TemporalJoin{Left: left.node, Right: right.node, Outer: j.Kind == ast.LeftJoin, LeftTime: leftTime, RightTime: rightTime}, t.Pos())
	r := both(n, left, right)
	n.Cond = b.joinCondition(j, r, len(left.fields))
	return r
}
