package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/internal/changes"
	"github.com/freshet-dw/freshet/pkg/connector/internal/remote"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/mysql"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

type sink struct {
	env     *connector.Env
	tb      *table
	db      *remote.Lazy[*sql.DB]
	id      string
	worker  int
	columns []string
	keys    []int // input columns
	keyed   []string
	rows    *changes.Buffer
	epoch   endpoint.Epoch
}

// NewSink implements connector.Sinker.
func (c *Connector) NewSink(ctx context.Context, env *connector.Env, s *plan.Sink, worker int) (endpoint.Sink, error) {
	tb, err := c.parse(s.Table)
	if err != nil {
		return nil, err
	}
	k := &sink{env: env, tb: tb, id: fmt.Sprintf("%s/%d", s.Table.Name, s.P.ID), worker: worker}
	for _, col := range s.Columns {
		k.columns = append(k.columns, tb.t.Columns[col].Name)
	}
	if k.keys, err = changes.Keys(s); err != nil {
		return nil, err
	}
	for _, i := range k.keys {
		k.keyed = append(k.keyed, k.columns[i])
	}
	k.rows = changes.New(k.keys)
	if k.db, err = tb.ensured(env, true); err != nil {
		return nil, err
	}
	return k, remote.Warm(ctx, env, k.db, "open MySQL table "+tb.full())
}

// Begin implements endpoint.Sink.
func (k *sink) Begin(e endpoint.Epoch) error { k.epoch = e; k.rows.Reset(); return nil }

// Write implements endpoint.Sink.
func (k *sink) Write(_ context.Context, b *batch.Batch) error { return k.rows.Add(b) }

// Flush implements endpoint.Sink.
func (k *sink) Flush(ctx context.Context) error {
	b := k.rows.Rows()
	if b == nil {
		return nil
	}
	upserts, deletes := changes.Split(b)
	var gone, rows [][]any
	if deletes != nil {
		gone = values(batch.Select(deletes, k.keys))
	}
	if upserts != nil {
		rows = values(upserts)
	}
	return remote.Do(ctx, k.env, "write MySQL table "+k.tb.full(), func(ctx context.Context) error {
		db, err := k.db.Get(ctx)
		if err != nil {
			return err
		}
		return mysql.WithTx(ctx, db, fault.Policy{Attempts: 1}, func(ctx context.Context, tx *sql.Tx) error {
			done, err := k.enter(ctx, tx)
			if err != nil || done {
				return err
			}
			if len(gone) > 0 {
				if err := (mysql.Delete{Table: k.tb.full(), Keys: k.keyed}).Exec(ctx, tx, gone); err != nil {
					return err
				}
			}
			if len(rows) == 0 {
				return nil
			}
			if len(k.keys) == 0 {
				return insert(ctx, tx, k.tb.full(), k.columns, rows)
			}
			return mysql.Upsert{Table: k.tb.full(), Columns: k.columns, Keys: k.keyed}.Exec(ctx, tx, rows)
		})
	})
}

// enter takes the writer's epoch row. done: this epoch is in the table already. An epoch older by its clock than the one in the table is that of a process that
// was replaced. Epoch numbers alone would not do: they start again when a job's progress is thrown away.
func (k *sink) enter(ctx context.Context, tx *sql.Tx) (done bool, err error) {
	name := mysql.Quote(k.tb.database + "." + epochTable)
	clock := changes.Clock(k.epoch)
	var lastEpoch, lastClock int64
	err = tx.QueryRowContext(ctx, "SELECT epoch, clock FROM "+name+" WHERE job = ? AND sink = ? AND worker = ? FOR UPDATE", k.env.Job, k.id, k.worker).Scan(&lastEpoch, &lastClock)
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return false, mysql.Classify(err, "read the last epoch of %s", k.id)
	case lastEpoch == k.epoch.ID && lastClock == clock:
		return true, nil
	case lastClock > clock || lastClock == clock && lastEpoch > k.epoch.ID:
		return false, fault.WithRemedy(fault.Newf(fault.Fenced, "epoch %d of job %s is older than epoch %d, which is in the table already: another process has taken over", k.epoch.ID, k.env.Job, lastEpoch),
			"stop this process; if the clock was set back, delete the job's rows from "+k.tb.database+"."+epochTable)
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO "+name+" (job, sink, worker, epoch, clock) VALUES (?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE epoch = VALUES(epoch), clock = VALUES(clock)",
		k.env.Job, k.id, k.worker, k.epoch.ID, clock)
	return false, mysql.Classify(err, "write the epoch of %s", k.id)
}

// Commit implements endpoint.Sink.
func (k *sink) Commit(context.Context, endpoint.Epoch) error { return nil }

// Close implements endpoint.Sink.
func (k *sink) Close() error { return nil }
