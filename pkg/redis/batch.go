package redis

import (
	"context"

	"github.com/freshet-dw/freshet/pkg/fault"
	goredis "github.com/redis/go-redis/v9"
)

// Chunk is how many items Batch sends in one round trip.
const Chunk = 1000

// Batch calls add for the items 0..n-1 and sends what they queue, in pipelines
// of [Chunk] items each. A chunk that meets an error worth repeating is sent
// again, whole, by the policy; add is then called again for its items. The
// commands must therefore be idempotent. A reply of "no such key" is no error.
func Batch(ctx context.Context, c goredis.Cmdable, policy fault.Policy, n int, add func(p goredis.Pipeliner, i int)) error {
	for from := 0; from < n; from += Chunk {
		to := min(from+Chunk, n)
		err := fault.Retry(ctx, policy, func(ctx context.Context) error {
			cmds, err := c.Pipelined(ctx, func(p goredis.Pipeliner) error {
				for i := from; i < to; i++ {
					add(p, i)
				}
				return nil
			})
			if len(cmds) == 0 {
				return Classify(err, "send batch")
			}
			return worst(cmds)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// worst returns the gravest of the commands' errors, for a repeat must not
// follow when one of them can never succeed.
func worst(cmds []goredis.Cmder) error {
	var worst error
	for _, cmd := range cmds {
		err := Classify(cmd.Err(), "%s", cmd.Name())
		if fault.KindOf(err) > fault.KindOf(worst) {
			worst = err
		}
	}
	return worst
}
