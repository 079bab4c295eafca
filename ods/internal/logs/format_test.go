package logs

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/fault"
)

const line1 = `10.1.2.3 - bob [01/Jun/2024:14:00:00 +0200] "GET /p/1?q=\x22a\x22 HTTP/1.1" 200 1234 "https://m.example.com/\xE4" "Mozilla/5.0 (X; \"y\")"`

// read parses one line into the record's fields, or "bad: reason".
func read(t testing.TB, format, line string) map[string]any {
	t.Helper()
	f, err := compile(format)
	if err != nil {
		t.Fatal(err)
	}
	var e entry
	if err := f.parse([]byte(line), &e); err != nil {
		return map[string]any{"bad": err.Error()}
	}
	var m map[string]any
	if err := json.Unmarshal(record("t", "web1", &e, place{"f", 7}, []byte(line)).Value, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestFormats(t *testing.T) {
	custom := `${host} $msec "$request_method $request_uri" $status rt=$request_time up="$upstream_addr"`
	escaped := `{"t":"$time_iso8601","ip":"$remote_addr","r":"$request","ua":"$http_user_agent","s":$status}`
	for _, c := range []struct{ name, format, line, want string }{
		{"combined", "combined", line1, `{"remote_addr":"10.1.2.3","remote_user":"bob","time":"2024-06-01T12:00:00Z","method":"GET","path":"/p/1?q=\"a\"","protocol":"HTTP/1.1","status":200,"bytes":1234,"referer":"https://m.example.com/\ufffd","user_agent":"Mozilla/5.0 (X; \"y\")","host":"web1","file":"f","offset":7}`},
		{"nothing", "combined", `- - - [01/Jun/2024:14:00:00 +0000] "-" 400 0 "-" "-"`, `{"remote_addr":null,"remote_user":null,"time":"2024-06-01T14:00:00Z","method":null,"path":null,"protocol":null,"status":400,"bytes":0,"referer":null,"user_agent":null,"host":"web1","file":"f","offset":7}`},
		{"garbage request", "combined", `1.1.1.1 - - [01/Jun/2024:14:00:00 +0000] "\x16\x03\x01" 400 150 "-" "-"`, `{"remote_addr":"1.1.1.1","remote_user":null,"time":"2024-06-01T14:00:00Z","method":null,"path":null,"protocol":null,"status":400,"bytes":150,"referer":null,"user_agent":null,"host":"web1","file":"f","offset":7}`},
		{"space in path", "combined", `1.1.1.1 - a b [01/Jun/2024:14:00:00 +0000] "GET /a b HTTP/2.0" 200 - "-" "-"`, `{"remote_addr":"1.1.1.1","remote_user":"a b","time":"2024-06-01T14:00:00Z","method":"GET","path":"/a b","protocol":"HTTP/2.0","status":200,"bytes":null,"referer":null,"user_agent":null,"host":"web1","file":"f","offset":7}`},
		{"main", "main", line1 + ` "9.9.9.9, 8.8.8.8"`, `{"remote_addr":"10.1.2.3","remote_user":"bob","time":"2024-06-01T12:00:00Z","method":"GET","path":"/p/1?q=\"a\"","protocol":"HTTP/1.1","status":200,"bytes":1234,"referer":"https://m.example.com/\ufffd","user_agent":"Mozilla/5.0 (X; \"y\")","host":"web1","file":"f","offset":7,"extra":{"http_x_forwarded_for":"9.9.9.9, 8.8.8.8"}}`},
		{"custom", custom, `shop.example.com 1717243200.125 "POST /v1" 204 rt=0.010 up="10.0.0.1:80"`, `{"remote_addr":null,"remote_user":null,"time":"2024-06-01T12:00:00.125Z","method":"POST","path":"/v1","protocol":null,"status":204,"bytes":null,"referer":null,"user_agent":null,"host":"shop.example.com","file":"f","offset":7,"extra":{"request_time":"0.010","upstream_addr":"10.0.0.1:80"}}`},
		{"escape=json", escaped, `{"t":"2024-06-01T14:00:00+02:00","ip":"1.1.1.1","r":"GET /\u00e4\"\/ HTTP/1.1","ua":"a\\b\t","s":200}`, `{"remote_addr":"1.1.1.1","remote_user":null,"time":"2024-06-01T12:00:00Z","method":"GET","path":"/ä\"/","protocol":"HTTP/1.1","status":200,"bytes":null,"referer":null,"user_agent":"a\\b\t","host":"web1","file":"f","offset":7}`},
		{"json", "json", `{"time":"2024-06-01T14:00:00+02:00","remote_addr":"1.1.1.1","request":"GET / HTTP/1.1","status":200,"body_bytes_sent":"5","request_time":0.1,"host":"h"}`, `{"remote_addr":"1.1.1.1","remote_user":null,"time":"2024-06-01T12:00:00Z","method":"GET","path":"/","protocol":"HTTP/1.1","status":200,"bytes":5,"referer":null,"user_agent":null,"host":"h","file":"f","offset":7,"extra":{"request_time":"0.1"}}`},
	} {
		var want map[string]any
		if err := json.Unmarshal([]byte(c.want), &want); err != nil {
			t.Fatal(err)
		}
		want["raw"] = c.line
		got, _ := json.Marshal(read(t, c.format, c.line))
		w, _ := json.Marshal(want)
		if string(got) != string(w) {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, w)
		}
	}
}

func TestBadLines(t *testing.T) {
	for _, c := range []struct{ format, line, says string }{
		{"combined", "", "ends too early"},
		{"combined", "hello", "ends too early"},
		{"combined", line1 + " more", "goes on"},
		{"combined", strings.Replace(line1, "Jun", "Foo", 1), "no time"},
		{"combined", strings.Replace(line1, " 200 ", " OK ", 1), "no number"},
		{"combined", strings.Replace(line1, " 1234 ", " -5 ", 1), "no number"},
		{"combined", line1[:len(line1)-1], "ends too early"},
		{"combined", strings.Replace(line1, "[01/Jun/2024:14:00:00 +0200]", "[-]", 1), "no time"},
		{"x$status", "200", "does not begin"},
		{"json", "[1]", "not a JSON object"},
		{"json", `{"time":"2024-06-01T14:00:00Z"} x`, "goes on"},
		{"json", `{"status":"200"}`, "no time"},
		{"$msec", "1717243200.1x5", "no time"},
	} {
		if bad, _ := read(t, c.format, c.line)["bad"].(string); !strings.Contains(bad, c.says) {
			t.Errorf("%s %q: %q, want %q", c.format, c.line, bad, c.says)
		}
	}
}

func TestConfig(t *testing.T) {
	for text, key := range map[string]string{"name: a/b": "name", "files: ['[']": "files", "format: combinde": "format", "format: '$a$b'": "format", "format: '$'": "format", "format: '${a'": "format",
		"partitions: -1": "partitions", "poll: 1us": "poll", "max_line: 1MiB": "max_line"} {
		var c Config
		err := config.Load(&c, config.Sources{Text: []byte(text), File: "f.yaml"})
		if fault.KindOf(err) != fault.Config || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	formats := []string{"combined", "main", "json", `{"t":"$time_iso8601","r":"$request"}`, `$msec $status`}
	for i := range formats {
		for _, s := range []string{line1, "", `"`, `\`, `{"time":"2024-06-01T14:00:00Z","a":[1,{"b":null}]}`, `{"t":"2024-06-01T14:00:00Z","r":"a\"b\u12"}`, "1717243200.125 200", "\xff\x00"} {
			f.Add(s, i)
		}
	}
	f.Fuzz(func(t *testing.T, line string, n int) {
		got := read(t, formats[uint(n)%uint(len(formats))], line)
		if got["bad"] == nil && (got["time"] == nil || got["raw"] == nil) {
			t.Errorf("%q gave %v", line, got)
		}
	})
}

func BenchmarkLine(b *testing.B) {
	f, err := compile("combined")
	if err != nil {
		b.Fatal(err)
	}
	var e entry
	line := []byte(line1)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if err := f.parse(line, &e); err != nil {
			b.Fatal(err)
		}
		record("t", "web1", &e, place{"f", 7}, line)
	}
}
