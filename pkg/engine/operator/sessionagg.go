package operator

import (
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func newSessionAgg(*plan.WindowAgg, []types.Type, Options) (Stateful, error) {
	return nil, fault.New(fault.Config, "SESSION windows are not supported")
}
