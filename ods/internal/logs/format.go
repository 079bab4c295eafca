package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The formats with a name.
const (
	combined = `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`
	mainLog  = combined + ` "$http_x_forwarded_for"`
)

// entry is what a line says; a nil slice is a value that the line does not have.
type entry struct {
	addr, user, method, path, protocol, referer, agent, host []byte
	time                                                     time.Time
	status, bytes                                            int64 // -1: none
	extra                                                    []pair
}

type pair struct {
	name  string
	value []byte
}

// format reads lines: literals with a variable between each two.
type format struct {
	json  bool
	start string // before the first variable
	vars  []variable
}

type variable struct {
	name string
	then string // the literal after it; "" for the last
	set  func(e *entry, v []byte) error
}

var (
	errShort = errors.New("the line ends too early")
	errTrail = errors.New("the line goes on after the format's end")
)

// compile reads nginx's log_format text. Two variables must have something between them, since their border would not be known.
func compile(text string) (*format, error) {
	switch text {
	case "combined":
		text = combined
	case "main":
		text = mainLog
	case "json":
		return &format{json: true}, nil
	}
	f := &format{}
	literal := func(s string) {
		if n := len(f.vars); n > 0 {
			f.vars[n-1].then = s
		} else {
			f.start = s
		}
	}
	rest := text
	for first := true; ; first = false {
		at := strings.IndexByte(rest, '$')
		if at < 0 {
			literal(rest)
			break
		}
		if at == 0 && !first {
			return nil, fmt.Errorf("nothing stands between two variables before %q", rest)
		}
		literal(rest[:at])
		rest = rest[at+1:]
		n := 0
		for n < len(rest) && (rest[n] == '_' || rest[n] >= 'a' && rest[n] <= 'z' || rest[n] >= 'A' && rest[n] <= 'Z' || rest[n] >= '0' && rest[n] <= '9') {
			n++
		}
		name, after := rest[:n], rest[n:]
		if n == 0 && strings.HasPrefix(rest, "{") { // ${name}
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				return nil, errors.New("${ without }")
			}
			name, after = rest[1:end], rest[end+1:]
		}
		if name == "" {
			return nil, errors.New("a $ without a variable's name")
		}
		f.vars = append(f.vars, variable{name: name, set: setter(name)})
		rest = after
	}
	if len(f.vars) == 0 {
		return nil, fmt.Errorf("%q is neither a known format nor has it $variables", text)
	}
	return f, nil
}

// setter knows what a variable of nginx means; other variables are extra.
func setter(name string) func(*entry, []byte) error {
	text := func(to func(*entry) *[]byte) func(*entry, []byte) error {
		return func(e *entry, v []byte) error { *to(e) = v; return nil }
	}
	number := func(to func(*entry) *int64) func(*entry, []byte) error {
		return func(e *entry, v []byte) error {
			n, err := strconv.ParseUint(string(v), 10, 63)
			if err != nil {
				return fmt.Errorf("%s is %q, which is no number", name, v)
			}
			*to(e) = int64(n)
			return nil
		}
	}
	moment := func(parse func(string) (time.Time, error)) func(*entry, []byte) error {
		return func(e *entry, v []byte) error {
			t, err := parse(string(v))
			if err != nil || t.Year() < 0 || t.Year() > 9999 {
				return fmt.Errorf("%s is %q, which is no time", name, v)
			}
			e.time = t.UTC()
			return nil
		}
	}
	switch name {
	case "remote_addr":
		return text(func(e *entry) *[]byte { return &e.addr })
	case "remote_user":
		return text(func(e *entry) *[]byte { return &e.user })
	case "request_method":
		return text(func(e *entry) *[]byte { return &e.method })
	case "request_uri", "uri":
		return text(func(e *entry) *[]byte { return &e.path })
	case "server_protocol":
		return text(func(e *entry) *[]byte { return &e.protocol })
	case "http_referer":
		return text(func(e *entry) *[]byte { return &e.referer })
	case "http_user_agent":
		return text(func(e *entry) *[]byte { return &e.agent })
	case "host", "http_host", "server_name":
		return text(func(e *entry) *[]byte { return &e.host })
	case "status":
		return number(func(e *entry) *int64 { return &e.status })
	case "body_bytes_sent", "bytes_sent":
		return number(func(e *entry) *int64 { return &e.bytes })
	case "time_local":
		return moment(func(s string) (time.Time, error) { return time.Parse("02/Jan/2006:15:04:05 -0700", s) })
	case "time_iso8601":
		return moment(func(s string) (time.Time, error) { return time.Parse(time.RFC3339, s) })
	case "msec":
		return moment(seconds)
	case "request":
		return setRequest
	}
	return func(e *entry, v []byte) error {
		e.extra = append(e.extra, pair{name, v})
		return nil
	}
}

// seconds reads $msec: seconds with three digits after the point.
func seconds(s string) (time.Time, error) {
	whole, fraction, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseUint(whole, 10, 40)
	if err != nil {
		return time.Time{}, err
	}
	ms, err := strconv.ParseUint((fraction + "000")[:3], 10, 16)
	return time.UnixMilli(int64(sec)*1000 + int64(ms)), err
}

// setRequest takes "GET /path HTTP/1.1" apart. What broken clients send is logged as it came and has no parts.
func setRequest(e *entry, v []byte) error {
	method, rest, ok := bytes.Cut(v, []byte(" "))
	if !ok || len(method) == 0 || len(rest) == 0 {
		return nil
	}
	for _, c := range method {
		if (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return nil
		}
	}
	e.method, e.path = method, rest
	if i := bytes.LastIndexByte(rest, ' '); i >= 0 && bytes.HasPrefix(rest[i+1:], []byte("HTTP/")) {
		e.path, e.protocol = rest[:i], rest[i+1:]
	}
	return nil
}

// parse reads a line without its end. The entry's values may share the line's memory.
func (f *format) parse(line []byte, e *entry) error {
	*e = entry{status: -1, bytes: -1, extra: e.extra[:0]}
	if f.json {
		return parseJSON(line, e)
	}
	rest, ok := bytes.CutPrefix(line, []byte(f.start))
	if !ok {
		return fmt.Errorf("the line does not begin with %q", f.start)
	}
	for i := range f.vars {
		v := &f.vars[i]
		var value []byte
		if v.then == "" {
			value, rest = rest, nil
		} else {
			at := border(rest, v.then)
			if at < 0 {
				return fmt.Errorf("%w: no %q after $%s", errShort, v.then, v.name)
			}
			value, rest = rest[:at], rest[at+len(v.then):]
		}
		if string(value) == "-" || len(value) == 0 {
			continue
		}
		if err := v.set(e, unescape(value)); err != nil {
			return err
		}
	}
	if len(rest) > 0 {
		return errTrail
	}
	return check(e)
}

// check wants what every line of an access log has.
func check(e *entry) error {
	if e.time.IsZero() {
		return errors.New("the line has no time")
	}
	return nil
}

// border finds the literal after a value; a quote in a value has a backslash before it.
func border(s []byte, literal string) int {
	if literal[0] != '"' {
		return bytes.Index(s, []byte(literal))
	}
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == '"' && bytes.HasPrefix(s[i:], []byte(literal)):
			return i
		}
	}
	return -1
}

// unescape undoes nginx's escapes: \xHH of the default way and those of escape=json.
func unescape(v []byte) []byte {
	if bytes.IndexByte(v, '\\') < 0 {
		return v
	}
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] != '\\' || i+1 == len(v) {
			out = append(out, v[i])
			continue
		}
		switch c := v[i+1]; c {
		case '"', '\\', '/':
			out = append(out, c)
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'x', 'u':
			digits := 2
			if c == 'u' {
				digits = 4
			}
			if i+2+digits > len(v) {
				out = append(out, v[i])
				continue
			}
			n, err := strconv.ParseUint(string(v[i+2:i+2+digits]), 16, 16)
			if err != nil {
				out = append(out, v[i])
				continue
			}
			if c == 'x' {
				out = append(out, byte(n))
			} else {
				out = utf8.AppendRune(out, rune(n))
			}
			i += digits
		default:
			out = append(out, v[i], c)
		}
		i++
	}
	return out
}

// parseJSON reads a line that is an object with nginx's variable names, or the names of the record, as keys.
func parseJSON(line []byte, e *entry) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return fmt.Errorf("not a JSON object: %w", err)
	}
	if d.InputOffset() != int64(len(bytes.TrimRight(line, " \t\r"))) {
		return errTrail
	}
	names := make([]string, 0, len(m))
	for k := range m {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		var v []byte
		switch x := m[k].(type) {
		case nil:
			continue
		case string:
			v = []byte(x)
		case json.Number:
			v = []byte(x.String())
		default:
			v, _ = json.Marshal(x) // it was JSON
		}
		if len(v) == 0 || string(v) == "-" {
			continue
		}
		name := k
		if own, ok := aliases[k]; ok {
			name = own
		}
		if err := setter(name)(e, v); err != nil {
			return err
		}
	}
	return check(e)
}

var aliases = map[string]string{
	"time": "time_iso8601", "@timestamp": "time_iso8601", "timestamp": "time_iso8601", "method": "request_method", "path": "request_uri", "protocol": "server_protocol",
	"bytes": "body_bytes_sent", "referer": "http_referer", "user_agent": "http_user_agent", "client": "remote_addr", "ip": "remote_addr",
}
