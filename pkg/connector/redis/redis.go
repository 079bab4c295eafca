// Package redis is the connector redis: rows as hashes, JSON strings or members of sorted sets, written and looked up.
//
// Each write is compared with the newest epoch that wrote the same key for the same table, in one step inside Redis: a replay repeats itself and a process
// that was replaced overwrites nothing newer. The epochs are kept under freshet:version:… for the time of 'version-ttl'.
package redis

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/internal/cell"
	"github.com/freshet-dw/freshet/pkg/connector/internal/point"
	"github.com/freshet-dw/freshet/pkg/connector/internal/remote"
	"github.com/freshet-dw/freshet/pkg/connector/option"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/redis"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
)

// Connector writes and looks up keys of one Redis server. Client is used for tables that give no address.
type Connector struct {
	Client redis.Config
}

var (
	_ connector.Connector = (*Connector)(nil)
	_ connector.Sinker    = (*Connector)(nil)
	_ connector.Lookuper  = (*Connector)(nil)
)

// The data structures that rows are kept in.
const (
	hashType   = "hash"
	stringType = "string"
	zsetType   = "zset"
)

// Specs are the options.
var Specs = append([]option.Spec{
	{Key: "redis.type", Default: hashType, Enum: []string{hashType, stringType, zsetType}, Help: "hash: a field per column; string: a JSON object; zset: a member and its score per row."},
	{Key: "key", Required: true, Help: "Key pattern with columns in braces: dim:product:{product_id}."},
	{Key: "member", Help: "zset: the column that is the member."},
	{Key: "score", Help: "zset: the column that is the score, a number."},
	{Key: "max-members", Kind: option.Int, Help: "zset: keep this many members with the highest scores."},
	{Key: "ttl", Kind: option.Duration, Help: "Keys vanish so long after their last write. Default: never."},
	{Key: "version-ttl", Kind: option.Duration, Default: "1 d", Help: "How long it is remembered which epoch wrote a key."},
	{Key: "address", Help: "host:port. Default: the warehouse's server."},
	{Key: "username", Help: "ACL user."},
	{Key: "password", Help: "Password."},
	{Key: "database", Kind: option.Int, Help: "Database number."},
	{Key: "sink.parallelism", Kind: option.Int, Help: "Taken for compatibility."},
}, point.Specs...)

// Names implements connector.Connector.
func (*Connector) Names() []string { return []string{"redis"} }

// part is a piece of the key pattern: text, or a column if col >= 0.
type part struct {
	text string
	col  int
}

// table is a declared table, understood. Columns are table columns.
type table struct {
	t             *catalog.Table
	kind          string
	pattern       []part
	keyCols       []int // of the pattern, in its order, each once
	fields        []int // hash and string
	member, score int   // zset
	maxMembers    int64
	ttl, keep     time.Duration
	cfg           redis.Config
	cache         point.Settings
}

// Describe implements connector.Connector.
func (c *Connector) Describe(t *catalog.Table) (catalog.Caps, error) {
	tb, err := c.parse(t)
	if err != nil {
		return catalog.Caps{}, err
	}
	caps := catalog.Caps{Sink: true, SinkMode: catalog.AppendOnly, Lookup: tb.kind != zsetType}
	if len(t.PrimaryKey) > 0 {
		caps.SinkMode = catalog.Upsert
	}
	return caps, nil
}

func (c *Connector) parse(t *catalog.Table) (*table, error) {
	v, err := option.Check(t, Specs)
	errs := []error{err}
	tb := &table{t: t, kind: v.Get("redis.type"), member: -1, score: -1, maxMembers: v.Int("max-members"), ttl: v.Duration("ttl"), keep: v.Duration("version-ttl"), cfg: c.Client}
	if v.Has("address") {
		tb.cfg.Addr = v.Get("address")
	}
	if v.Has("username") {
		tb.cfg.User = v.Get("username")
	}
	if v.Has("password") {
		tb.cfg.Password = config.Secret(v.Get("password"))
	}
	if v.Has("database") {
		tb.cfg.DB = int(v.Int("database"))
	}
	if tb.cfg.Addr == "" {
		errs = append(errs, fault.WithRemedy(v.Errorf("connector", "no Redis server is configured"), "set 'address' in the table, or redis.addr in freshet.yaml"))
	} else if _, _, err := net.SplitHostPort(tb.cfg.Addr); err != nil {
		errs = append(errs, v.Errorf("address", "option 'address' is '%s'; it must be host:port", tb.cfg.Addr))
	}
	if tb.keep < time.Second {
		errs = append(errs, v.Errorf("version-ttl", "option 'version-ttl' must be a second or more"))
	}
	if tb.cache, err = point.Read(v); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, tb.parsePattern(v)...)
	errs = append(errs, tb.columns(v)...)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return tb, nil
}

func (tb *table) parsePattern(v option.Values) []error {
	rest := v.Get("key")
	var errs []error
	for rest != "" {
		text, after, ok := strings.Cut(rest, "{")
		if text != "" {
			tb.pattern = append(tb.pattern, part{text: text, col: -1})
		}
		if !ok {
			break
		}
		name, tail, ok := strings.Cut(after, "}")
		if !ok {
			return append(errs, v.Errorf("key", "option 'key' has a '{' without '}'"))
		}
		col, err := tb.column(v, "key", name)
		if err != nil {
			errs = append(errs, err)
		} else {
			tb.pattern = append(tb.pattern, part{col: col})
			if !slices.Contains(tb.keyCols, col) {
				tb.keyCols = append(tb.keyCols, col)
			}
		}
		rest = tail
	}
	return errs
}

func (tb *table) column(v option.Values, opt, name string) (int, error) {
	i := tb.t.ColumnIndex(name)
	if i < 0 || tb.t.Columns[i].Kind != catalog.Physical {
		var names []string
		for _, c := range tb.t.Columns {
			names = append(names, c.Name)
		}
		return -1, fault.WithRemedy(v.Errorf(opt, "option '%s' names %q, which is no column", opt, name), fault.DidYouMean(name, names))
	}
	if !cell.Scalar(tb.t.Columns[i].Type) {
		return -1, v.Errorf(opt, "column %s of type %s cannot be part of option '%s'", name, tb.t.Columns[i].Type, opt)
	}
	return i, nil
}

// columns checks what each column is for.
func (tb *table) columns(v option.Values) []error {
	var errs []error
	for _, o := range []string{"member", "score", "max-members"} {
		if tb.kind != zsetType && v.Has(o) {
			errs = append(errs, fault.WithRemedy(v.Errorf(o, "option '%s' is for sorted sets", o), "add 'redis.type' = 'zset'"))
		}
	}
	identity := slices.Clone(tb.keyCols)
	if tb.kind == zsetType {
		for _, o := range []string{"member", "score"} {
			if !v.Has(o) {
				errs = append(errs, v.Errorf("redis.type", "a sorted set needs option '%s'", o))
			}
		}
		var err error
		if v.Has("member") {
			if tb.member, err = tb.column(v, "member", v.Get("member")); err != nil {
				errs = append(errs, err)
			} else if !slices.Contains(identity, tb.member) {
				identity = append(identity, tb.member)
			}
		}
		if v.Has("score") {
			if tb.score, err = tb.column(v, "score", v.Get("score")); err != nil {
				errs = append(errs, err)
			} else if k := tb.t.Columns[tb.score].Type; !k.IsNumeric() {
				errs = append(errs, v.Errorf("score", "column %s of type %s is no number", tb.t.Columns[tb.score].Name, k))
			}
		}
	} else {
		if len(tb.keyCols) == 0 && v.Has("key") {
			errs = append(errs, fault.WithRemedy(v.Errorf("key", "option 'key' names no column, so all rows would have one key"), "add the key column in braces: 'prefix:{id}'"))
		}
		for i, c := range tb.t.Columns {
			if c.Kind != catalog.Physical || slices.Contains(tb.keyCols, i) {
				continue
			}
			tb.fields = append(tb.fields, i)
			if tb.kind == hashType && !cell.Scalar(c.Type) {
				errs = append(errs, fault.WithRemedy(v.Errorf("connector", "column %s of type %s cannot be a hash field", c.Name, c.Type), "use 'redis.type' = 'string', which is JSON"))
			}
		}
		if len(tb.fields) == 0 {
			errs = append(errs, v.Errorf("connector", "there is no column besides those of the key"))
		}
	}
	if pk := slices.Sorted(slices.Values(tb.t.PrimaryKey)); len(pk) > 0 && len(errs) == 0 {
		slices.Sort(identity)
		if !slices.Equal(pk, identity) {
			var names []string
			for _, i := range identity {
				names = append(names, tb.t.Columns[i].Name)
			}
			errs = append(errs, fault.WithRemedy(v.Errorf("key", "the primary key is not what tells rows apart in Redis"), "declare PRIMARY KEY ("+strings.Join(names, ", ")+") NOT ENFORCED"))
		}
	}
	return errs
}

// open gives the job's client. It does not dial: a command does.
func (tb *table) open(env *connector.Env) (*goredis.Client, error) {
	cfg := tb.cfg
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	place := "redis " + cfg.User + "@" + cfg.Addr + "/" + strconv.Itoa(cfg.DB)
	l, err := remote.Shared(env, place, func(context.Context) (*goredis.Client, error) { return redis.Open(cfg) }, (*goredis.Client).Close)
	if err != nil {
		return nil, err
	}
	return l.Get(context.Background())
}
