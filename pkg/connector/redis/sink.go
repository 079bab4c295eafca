package redis

import (
	"context"
	"crypto/sha1" //nolint:gosec // Redis names scripts by it
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	goredis "github.com/redis/go-redis/v9"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/internal/cell"
	"github.com/freshet-dw/freshet/pkg/connector/internal/changes"
	"github.com/freshet-dw/freshet/pkg/connector/internal/remote"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/formats"
	"github.com/freshet-dw/freshet/pkg/redis"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// The scripts write keys, each unless a newer epoch has written it. KEYS: by row its key and the key of its versions. ARGV: version, milliseconds that versions
// are kept, milliseconds that keys are kept or 0, members to keep or 0; then by row the number n of its values and those. The answer is how many keys were left as they are.
const (
	head = `local late = 0
local version, keep, ttl, most = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local a = 5
for k = 1, #KEYS, 2 do
  local key, versions, n, from = KEYS[k], KEYS[k + 1], tonumber(ARGV[a]), a + 1
  a = from + n
`
	byKey = `  local v = redis.call('GET', versions)
  if not v or tonumber(v) <= version then
    redis.call('SET', versions, ARGV[1], 'PX', keep)
`
	tail = `  else late = late + 1 end
end
return late`
	// hash: the number of fields to take away, those, then field and value in turn.
	hashScript = head + byKey + `    local gone = tonumber(ARGV[from])
    if gone > 0 then redis.call('HDEL', key, unpack(ARGV, from + 1, from + gone)) end
    if n > 1 + gone then
      redis.call('HSET', key, unpack(ARGV, from + 1 + gone, a - 1))
      if ttl > 0 then redis.call('PEXPIRE', key, ttl) end
    end
` + tail
	// string: the value, none to delete the key.
	stringScript = head + byKey + `    if n == 0 then redis.call('DEL', key)
    elseif ttl > 0 then redis.call('SET', key, ARGV[from], 'PX', ttl)
    else redis.call('SET', key, ARGV[from]) end
` + tail
	// zset: the member, its score, none to take it out. Versions are by member.
	zsetScript = head + `  local member = ARGV[from]
  local v = redis.call('HGET', versions, member)
  if not v or tonumber(v) <= version then
    redis.call('HSET', versions, member, ARGV[1])
    redis.call('PEXPIRE', versions, keep)
    if n == 1 then redis.call('ZREM', key, member)
    else
      redis.call('ZADD', key, ARGV[from + 1], member)
      if most > 0 then redis.call('ZREMRANGEBYRANK', key, 0, -(most + 1)) end
      if ttl > 0 then redis.call('PEXPIRE', key, ttl) end
    end
` + tail
)

// callRows is how many rows one call of a script writes. Redis does nothing else meanwhile.
const callRows = 100

var scripts = map[string]string{hashType: hashScript, stringType: stringScript, zsetType: zsetScript}

type sink struct {
	env    *connector.Env
	tb     *table
	client *goredis.Client
	// Input columns, aligned with the table's pattern and fields.
	pattern       []part
	fields        []int
	names         []string
	member, score int
	rows          *changes.Buffer
	value         format.Encoder
	version       string
	script, sha   string
}

// NewSink implements connector.Sinker.
func (c *Connector) NewSink(_ context.Context, env *connector.Env, s *plan.Sink, _ int) (endpoint.Sink, error) {
	tb, err := c.parse(s.Table)
	if err != nil {
		return nil, err
	}
	k := &sink{env: env, tb: tb, script: scripts[tb.kind], member: -1, score: -1}
	sum := sha1.Sum([]byte(k.script)) //nolint:gosec // as above
	k.sha = hex.EncodeToString(sum[:])
	at := func(col int) (int, error) {
		i := slices.Index(s.Columns, col)
		if i < 0 {
			return -1, fault.Newf(fault.Config, "an INSERT into %s must write column %s", tb.t.Name, tb.t.Columns[col].Name)
		}
		return i, nil
	}
	keys := []int{}
	for _, p := range tb.pattern {
		if p.col >= 0 {
			if p.col, err = at(p.col); err != nil {
				return nil, err
			}
			if !slices.Contains(keys, p.col) {
				keys = append(keys, p.col)
			}
		}
		k.pattern = append(k.pattern, p)
	}
	if tb.kind == zsetType {
		if k.member, err = at(tb.member); err != nil {
			return nil, err
		}
		if k.score, err = at(tb.score); err != nil {
			return nil, err
		}
		keys = append(keys, k.member)
	}
	var fields []format.Field
	for _, f := range tb.fields {
		if i := slices.Index(s.Columns, f); i >= 0 {
			def := tb.t.Columns[f]
			k.fields, k.names = append(k.fields, i), append(k.names, def.Name)
			fields = append(fields, format.Field{Name: def.Name, Type: def.Type})
		}
	}
	if tb.kind == stringType {
		if k.value, err = formats.NewEncoder("json", fields, nil); err != nil {
			return nil, err
		}
	}
	// Without a declared key the last row of a key stays, as Redis has it.
	k.rows = changes.New(keys)
	k.client, err = tb.open(env)
	return k, err
}

// Begin implements endpoint.Sink.
func (k *sink) Begin(e endpoint.Epoch) error {
	k.version = strconv.FormatInt(changes.Clock(e), 10)
	k.rows.Reset()
	return nil
}

// Write implements endpoint.Sink.
func (k *sink) Write(_ context.Context, b *batch.Batch) error { return k.rows.Add(b) }

// command is one call of the script.
type command struct {
	rows int
	keys []string
	args []any
}

// Flush implements endpoint.Sink.
func (k *sink) Flush(ctx context.Context) error {
	b := k.rows.Rows()
	if b == nil {
		return nil
	}
	cmds, err := k.commands(b)
	if err != nil {
		return err
	}
	answers := make([]*goredis.Cmd, len(cmds))
	err = remote.Do(ctx, k.env, "write Redis keys of table "+k.tb.t.Name, func(ctx context.Context) error {
		return redis.Batch(ctx, k.client, fault.Policy{Attempts: 1}, len(cmds), func(p goredis.Pipeliner, i int) {
			if i%redis.Chunk == 0 {
				p.ScriptLoad(ctx, k.script) // a server that was restarted has forgotten it
			}
			answers[i] = p.EvalSha(ctx, k.sha, cmds[i].keys, cmds[i].args...)
		})
	})
	late := 0
	for _, a := range answers {
		if err == nil {
			n, _ := a.Int()
			late += n
		}
	}
	if late > 0 {
		remote.Log(k.env).Warn("keys were left as a newer epoch wrote them: another process has taken over, or the clock was set back", "job", k.env.Job, "table", k.tb.t.Name, "keys", late)
	}
	return err
}

func (k *sink) commands(b *batch.Batch) ([]command, error) {
	var jsons []string
	if k.value != nil {
		jsons = make([]string, b.N)
		vb := batch.Select(b, k.fields)
		if err := k.value.Encode(&batch.Batch{N: vb.N, Cols: vb.Cols}, func(row int, v []byte) error { jsons[row] = string(v); return nil }); err != nil {
			return nil, fmt.Errorf("encode values of table %s: %w", k.tb.t.Name, err)
		}
	}
	keep, ttl := strconv.FormatInt(k.tb.keep.Milliseconds(), 10), strconv.FormatInt(k.tb.ttl.Milliseconds(), 10)
	most := strconv.FormatInt(k.tb.maxMembers, 10)
	cmds := make([]command, 0, b.N/callRows+1)
	nulls := 0
	var buf []byte
	for i := range b.N {
		var ok bool
		if buf, ok = appendKey(buf[:0], k.pattern, b, i); !ok || k.member >= 0 && b.Cols[k.member].IsNull(i) {
			nulls++
			continue
		}
		if len(cmds) == 0 || cmds[len(cmds)-1].rows == callRows {
			n := min(callRows, b.N-i)
			c := command{keys: make([]string, 0, 2*n), args: make([]any, 0, 4+n*(4+2*len(k.fields)))}
			c.args = append(c.args, k.version, keep, ttl, most)
			cmds = append(cmds, c)
		}
		c := &cmds[len(cmds)-1]
		c.rows++
		key := string(buf)
		c.keys = append(c.keys, key, "freshet:version:"+k.tb.t.Name+":"+key)
		at := len(c.args)
		c.args = append(c.args, 0)
		gone := b.Kind(i) == batch.Delete
		switch k.tb.kind {
		case hashType:
			c.args = k.hash(c.args, b, i, gone)
		case stringType:
			if !gone {
				c.args = append(c.args, jsons[i])
			}
		case zsetType:
			c.args = append(c.args, cell.Text(b.Cols[k.member], i))
			if !gone && b.Cols[k.score].IsValid(i) {
				c.args = append(c.args, cell.Text(b.Cols[k.score], i))
			}
		}
		c.args[at] = len(c.args) - at - 1
	}
	if nulls > 0 {
		k.env.Metrics.CountBad(k.tb.t.Name, "null in key", nulls)
		remote.Log(k.env).Warn("rows with a null in their key are left out", "table", k.tb.t.Name, "rows", nulls)
	}
	return cmds, nil
}

// hash appends the fields to take away, which are all of a deleted row and the nulls of another, and those to set.
func (k *sink) hash(args []any, b *batch.Batch, i int, gone bool) []any {
	at := len(args)
	args = append(args, nil)
	n := 0
	for f, col := range k.fields {
		if gone || b.Cols[col].IsNull(i) {
			args = append(args, k.names[f])
			n++
		}
	}
	args[at] = n
	if gone {
		return args
	}
	for f, col := range k.fields {
		if b.Cols[col].IsValid(i) {
			args = append(args, k.names[f], cell.Text(b.Cols[col], i))
		}
	}
	return args
}

// appendKey fills in the pattern; ok is false when a column of it is null.
func appendKey(dst []byte, pattern []part, b *batch.Batch, i int) (key []byte, ok bool) {
	for _, p := range pattern {
		if p.col < 0 {
			dst = append(dst, p.text...)
			continue
		}
		if b.Cols[p.col].IsNull(i) {
			return dst, false
		}
		dst = cell.Append(dst, b.Cols[p.col], i)
	}
	return dst, true
}

// Commit implements endpoint.Sink.
func (k *sink) Commit(context.Context, endpoint.Epoch) error { return nil }

// Close implements endpoint.Sink.
func (k *sink) Close() error { return nil }
