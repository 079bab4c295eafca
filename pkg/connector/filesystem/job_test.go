package filesystem_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/connectortest"
	"github.com/freshet-dw/freshet/pkg/connector/datagen"
	"github.com/freshet-dw/freshet/pkg/connector/filesystem"
	"github.com/freshet-dw/freshet/pkg/engine/exec"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql"
)

const pipeline = `CREATE TABLE g (n BIGINT) WITH ('connector' = 'datagen', 'fields.n.kind' = 'sequence', 'fields.n.start' = '0', 'fields.n.end' = '999', 'rows-per-second' = '100000');
CREATE TABLE t (n BIGINT, d STRING) PARTITIONED BY (d) WITH ('connector' = 'filesystem', 'path' = 't', 'format' = 'parquet', 'sink.partition-commit.trigger' = 'partition-time', 'sink.partition-commit.policy.kind' = 'success-file');
`

func run(t *testing.T, r *connectortest.Rig, name, src string) {
	t.Helper()
	s, err := sql.Compile("j.sql", src, sql.Options{Describer: r.Set})
	if err != nil {
		t.Fatal(fault.Render(err, src))
	}
	env := &connector.Env{Job: name, Instance: "0", Zone: time.UTC, Tel: r.Env.Tel}
	j, err := r.Set.Open(t.Context(), env, s.Plan)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	if err := exec.Run(t.Context(), s.Plan, j, exec.Config{Name: name, Workers: 2, Interval: 20 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
}

// A whole job: the end of its input closes the partitions, and a batch job reads them back.
func TestJob(t *testing.T) {
	dir := t.TempDir()
	r := connectortest.New(t, &filesystem.Connector{Lake: dir}, datagen.Connector{})
	run(t, r, "land", pipeline+`INSERT INTO t SELECT n, CASE WHEN n < 500 THEN '2024-05-01' ELSE '2024-05-02' END FROM g`)
	if got := files(t, filepath.Join(dir, "t")); got != "d=2024-05-01/* d=2024-05-01/_SUCCESS d=2024-05-02/* d=2024-05-02/_SUCCESS" {
		t.Fatalf("files %s", got)
	}
	run(t, r, "copy", pipeline+`CREATE TABLE s (d STRING, n BIGINT) WITH ('connector' = 'filesystem', 'path' = 's', 'format' = 'csv');
		INSERT INTO s SELECT d, n * 2 FROM t WHERE n BETWEEN 498 AND 501`)
	got := sorted(r.Scan(r.Table(`CREATE TABLE s (d STRING, n BIGINT) WITH ('connector' = 'filesystem', 'path' = 's', 'format' = 'csv')`), nil, nil))
	if strings.Join(got, " ") != "+I[2024-05-01, 996] +I[2024-05-01, 998] +I[2024-05-02, 1000] +I[2024-05-02, 1002]" {
		t.Errorf("read back %q", got)
	}
}
