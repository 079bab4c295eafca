// Package front serves ClickHouse's HTTP and native TCP protocols from the embedded engine.
//
// An INSERT is answered after the engine has stored its rows; a body that cannot be decoded or that breaks
// off is an error, never a shorter insert. Queries are killed in the engine when their client cancels or
// leaves. SQL users and roles do not exist: Auth is asked instead.
package front

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/freshet-dw/freshet/platform/embed/clickhouse/chdb"
)

// Auth decides about a user and password; nil lets everyone in.
type Auth func(user, password string) bool

// Engine gives the servers sessions of one chDB engine.
type Engine struct {
	lib    *chdb.Library
	args   []string
	keep   *chdb.Conn    // keeps the engine alive between sessions
	slots  chan struct{} // one per query that may run now
	nextID atomic.Uint64
	log    *slog.Logger
	auth   Auth
}

// Options configure an Engine.
type Options struct {
	Queries int      // queries at the same time; others wait; 16 when 0
	Args    []string // more arguments for the engine, such as --config-file=…
	Auth    Auth
	Logger  *slog.Logger
}

// Open boots the engine over the data in dir.
func Open(lib *chdb.Library, dir string, opt Options) (*Engine, error) {
	if opt.Queries <= 0 {
		opt.Queries = 16
	}
	if opt.Logger == nil {
		opt.Logger = slog.Default()
	}
	e := &Engine{
		lib: lib, args: append([]string{"--path=" + dir}, opt.Args...),
		slots: make(chan struct{}, opt.Queries), log: opt.Logger, auth: opt.Auth,
	}
	var err error
	if e.keep, err = lib.Connect(e.args...); err != nil {
		return nil, fmt.Errorf("open ClickHouse data in %s: %w", dir, err)
	}
	return e, nil
}

// Close stops the engine. Sessions must have ended.
func (e *Engine) Close() { e.keep.Close() }

// Version is the engine's version, major, minor and patch.
func (e *Engine) Version() (major, minor, patch int) {
	parts := strings.SplitN(e.lib.Version(), ".", 4)
	n := make([]int, 3)
	for i := range min(len(parts), 3) {
		n[i], _ = strconv.Atoi(parts[i])
	}
	return n[0], n[1], n[2]
}

// acquire waits for a query slot.
func (e *Engine) acquire(ctx context.Context) (release func(), err error) {
	select {
	case e.slots <- struct{}{}:
		return func() { <-e.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Every session starts with these. Asynchronous inserts are on by default in the engine and would
// acknowledge before the rows are stored; inline data counts as query text; JSON columns are sent as text.
const sessionSettings = "SET async_insert=0, max_query_size=4000000000, output_format_native_write_json_as_string=1"

// session opens a connection of its own, with its own settings and temporary tables (about 0.3 ms).
func (e *Engine) session(database string) (*chdb.Conn, error) {
	c, err := e.lib.Connect(e.args...)
	if err != nil {
		return nil, err
	}
	if err = c.Exec(sessionSettings); err == nil && database != "" && database != "default" {
		err = c.Exec("USE " + quoteName(database))
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// mark tags what the session runs from now on, so that kill finds it.
func (e *Engine) mark(c *chdb.Conn) (string, error) {
	id := "front-" + strconv.FormatUint(e.nextID.Add(1), 10)
	return id, c.Exec("SET log_comment=" + quoteString(id))
}

// kill stops the marked query. It repeats until ctx ends, because the query may not have begun yet.
func (e *Engine) kill(ctx context.Context, id string) {
	c, err := e.session("")
	if err != nil {
		e.log.Warn("kill query: no session", "error", err)
		return
	}
	defer c.Close()
	for {
		if err := c.Exec("KILL QUERY WHERE Settings['log_comment']=" + quoteString(id) + " ASYNC"); err != nil {
			e.log.Warn("kill query", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

var settingRE = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// setSettings applies settings to a session. reset takes them back.
func setSettings(c *chdb.Conn, settings map[string]string) (reset func(), err error) {
	if len(settings) == 0 {
		return func() {}, nil
	}
	var set, unset []string
	for name, value := range settings {
		if !settingRE.MatchString(name) {
			return nil, fmt.Errorf("setting name %q has other characters than letters, digits, dot and underscore", name)
		}
		set = append(set, name+"="+quoteString(value))
		unset = append(unset, name+"=DEFAULT")
	}
	if err := c.Exec("SET " + strings.Join(set, ", ")); err != nil {
		return nil, err
	}
	return func() {
		// Both can only fail on a broken session, which the next query reports.
		_ = c.Exec("SET " + strings.Join(unset, ", "))
		_ = c.Exec(sessionSettings)
	}, nil
}

var stringQuoter = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

func quoteString(s string) string { return "'" + stringQuoter.Replace(s) + "'" }

var nameQuoter = strings.NewReplacer("\\", "\\\\", "`", "\\`")

func quoteName(s string) string { return "`" + nameQuoter.Replace(s) + "`" }

// exception turns any error into what the protocols carry: ClickHouse's code, name and text.
func exception(err error) *chdb.Error {
	var e *chdb.Error
	if errors.As(err, &e) {
		return &chdb.Error{Code: e.Code, Name: e.Name, Text: strings.TrimRight(e.Text, "\n ")}
	}
	return newException(1002, "UNKNOWN_EXCEPTION", err.Error())
}

func newException(code int, name, text string) *chdb.Error {
	return &chdb.Error{Code: code, Name: name, Text: fmt.Sprintf("Code: %d. DB::Exception: %s. (%s)", code, strings.TrimRight(text, "."), name)}
}

func authFailed(user string) *chdb.Error {
	return newException(516, "AUTHENTICATION_FAILED", user+": Authentication failed: password is incorrect, or there is no user with such name")
}
