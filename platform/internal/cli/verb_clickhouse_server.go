package cli

import (
	"context"

	"github.com/freshet-dw/freshet/platform/embed/clickhouse"
)

// clickhouseServerCommand is this program as the child process of the embedded
// ClickHouse.
func clickhouseServerCommand() Command {
	return Command{Name: "clickhouse-server", Hidden: true, Run: func(ctx context.Context, _ Env, args []string) error {
		return clickhouse.ServeChild(ctx, args)
	}}
}
