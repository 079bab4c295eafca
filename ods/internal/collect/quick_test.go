package collect

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/freshet-dw/freshet/pkg/config"
)

func pageViews(t testing.TB, change func(*Config)) *schema {
	t.Helper()
	var c Config
	if err := config.Load(&c, config.Sources{}); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&c)
	}
	s, err := loadSchema(context.Background(), "../../../deploy/shop/"+c.Proto, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// kinds has a field of every kind. It has no id, so that its records can be compared.
func kinds(t testing.TB) *schema {
	t.Helper()
	s, err := loadSchema(context.Background(), "testdata/kinds.proto", Config{Message: "test.Kinds", Key: "key", Received: "received"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plainEvents must go the quick way: if they did not, results would be right and the collector slow.
var plainEvents = []string{
	`{"key":"k"}`,
	` { "key" : "k" , "b" : true , "i32" : -12 } `,
	`{"i32":2147483647,"key":"k","i64":"-999999999999999999","u32":4294967295,"u64":"7","s32":-1,"s64":-2,"f32":1,"f64":2,"sf32":-3,"sf64":-4}`,
	`{"key":"k","f":1.25,"d":-0.001,"color":"BLACK","maybeText":"","maybeNumber":0,"b":false,"some_name":"x"}`,
	`{"key":"k","d":-0,"f":0,"i32":0,"someName":"x","otherWord":"y"}`,
	`{"key":"k","other":"a\"b\\c\/d\b\f\n\r\t\u0041\u4e2d中文","b":null}`,
	`{"key":"\u0000"}`, `{"key":"\ud83d\ude00x"}`,
	`{"key":"k","received":"99"}`, `{"key":"k","taken":"a","kept":"b"}`, `{"key":"k","stolen":"a","kept":"b"}`,
}

// oddEvents go the library's way, or are wrong.
var oddEvents = []string{
	`{}`, `{"key":""}`, `{"key":null}`, `{"key":"k","key":"l"}`, `{"key":"k","someName":"a","some_name":"b"}`, `{"key":"k","none":1}`,
	`{"key":7}`, `{"key":"k","i32":2147483648}`, `{"key":"k","i32":1e3}`, `{"key":"k","i32":1.0}`, `{"key":"k","i32":"1e1"}`, `{"key":"k","i32":01}`, `{"key":"k","i32":-0}`,
	`{"key":"k","i64":" 1"}`, `{"key":"k","u32":-1}`, `{"key":"k","u64":18446744073709551615}`, `{"key":"k","i64":9223372036854775808}`,
	`{"key":"k","f":"NaN"}`, `{"key":"k","f":1e40}`, `{"key":"k","d":1e400}`, `{"key":"k","d":1.}`, `{"key":"k","d":.5}`, `{"key":"k","b":"true"}`, `{"key":"k","b":tru}`,
	`{"key":"k","raw":"AAEC"}`, `{"key":"k","color":1}`, `{"key":"k","color":"GREEN"}`, `{"key":"k","list":["a","b"]}`, `{"key":"k","by":{"a":1}}`,
	`{"key":"k","inner":{"key":"l"}}`, `{"key":"k","left":"a"}`, `{"key":"k","left":"a","right":1}`, `{"key":"k","other":"\ud83d"}`, `{"key":"k","other":"\ud83d\ud83d"}`, `{"key":"k","other":"\ude00\ud83d"}`, `{"key":"k","other":"\ud83d\ude0"}`, `{"key":"k","other":"\ud83dx"}`,
	`{"k\u0065y":"k"}`, "{\"key\":\"a\nb\"}", "{\"key\":\"\xff\"}", `{"key":"k"`, `{"key":"k",}`, `{"key":"k"}}`, `{"key" "k"}`, `{"key":"k" "b":true}`, `null`, `"k"`, `7`,
	`{"key":"k","stolen":"a","taken":"b"}`, `{"key":"\x"}`, `{"key":"\u12`, `{"key":"k`, `{`, `{"`, ``,
}

func TestPlainEventsGoTheQuickWay(t *testing.T) {
	s := kinds(t)
	for _, text := range plainEvents {
		data := []byte(text)
		if _, end, ok := s.encoder().quick(data, space(data, 0), 5); !ok || space(data, end) != len(data) {
			t.Errorf("not quick: %s", text)
		}
		compare(t, s, data)
	}
	for _, text := range oddEvents {
		compare(t, s, []byte(text))
	}
}

// compare fails when the quick path takes data and the library makes something else of it.
func compare(t *testing.T, s *schema, data []byte) {
	t.Helper()
	got, end, ok := s.encoder().quick(data, space(data, 0), 1717230000123)
	if !ok || space(data, end) != len(data) {
		return
	}
	want, err := s.library(data, 1717230000123)
	if err != nil {
		t.Fatalf("%q was taken; the library says %v", data, err)
	}
	if !bytes.Equal(got.key, want.key) || !bytes.Equal(got.value, want.value) {
		t.Fatalf("%q\nquick   %x %x\nlibrary %x %x", data, got.key, got.value, want.key, want.value)
	}
}

// bothWays compares a body's records with those that encoding/json and the library make of it.
func bothWays(t *testing.T, s *schema, body []byte) {
	t.Helper()
	server := &Server{cfg: Config{Topic: "t", MaxEvent: 200}, schema: s, dead: "dead", now: func() time.Time { return time.UnixMilli(1717230000123) }}
	r := httptest.NewRequest(http.MethodPost, "/v1/events", nil)
	got, records, err := server.records(r, body)

	events, wantErr := split(bytes.TrimSpace(body))
	if fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Fatalf("%q: error %v, want %v", body, err, wantErr)
	}
	if err != nil {
		return
	}
	var want answer
	var wanted []*kgo.Record
	for i, e := range events {
		reason := "the event has "
		if len(e) <= 200 {
			ev, err := s.library(e, 1717230000123)
			if err == nil {
				want.Accepted++
				wanted = append(wanted, &kgo.Record{Topic: "t", Key: ev.key, Value: ev.value})
				continue
			}
			reason = err.Error()
		}
		want.Rejected = append(want.Rejected, rejection{i, reason})
		wanted = append(wanted, &kgo.Record{Topic: "dead", Value: e})
	}
	same := got.Accepted == want.Accepted && slices.EqualFunc(got.Rejected, want.Rejected, func(a, b rejection) bool {
		return a.Index == b.Index && strings.HasPrefix(a.Reason, b.Reason)
	}) && slices.EqualFunc(records, wanted, func(a, b *kgo.Record) bool {
		return a.Topic == b.Topic && bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value)
	})
	if !same {
		t.Fatalf("%q\ngot  %+v %d records\nwant %+v %d records", body, got, len(records), want, len(wanted))
	}
}

func bodies() []string {
	all := append(slices.Clone(plainEvents), oddEvents...)
	long := `{"key":"` + strings.Repeat("x", 300) + `"}`
	out := append(all, "["+strings.Join(plainEvents, ",")+"]", strings.Join(plainEvents, ""), strings.Join(plainEvents, "\n")+"\n",
		"[]", "[ ]", "[", `[{"key":"a"}`, `[{"key":"a"},]`, `[{"key":"a"},{"key":"b"}]x`, `{"key":"a"},{"key":"b"}`, `[{"key":"a"},null,7,[{"key":"c"}],{"key":"b"}]`,
		"["+plainEvents[0]+","+long+","+plainEvents[1]+"]", plainEvents[0]+long+plainEvents[1], plainEvents[0]+"\n{bad\n"+plainEvents[1], "\u00a0"+plainEvents[0]+"\u2003")
	for _, odd := range oddEvents {
		out = append(out, "["+plainEvents[0]+","+odd+","+plainEvents[3]+"]", plainEvents[0]+"\n"+odd+"\n"+plainEvents[3])
	}
	return out
}

func TestBodies(t *testing.T) {
	s := kinds(t)
	for _, b := range bodies() {
		bothWays(t, s, []byte(b))
	}
}

func FuzzQuickEqualsLibrary(f *testing.F) {
	for _, b := range bodies() {
		f.Add([]byte(b))
	}
	s := kinds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		compare(t, s, data)
		bothWays(t, s, data)
	})
}

// FuzzValues makes events that are mostly valid, which random bytes seldom are.
func FuzzValues(f *testing.F) {
	f.Add("k", "v", int64(1), 0.5, true, uint8(1))
	f.Add("\x00", "\u2028</script>", int64(math.MinInt64), math.Inf(1), false, uint8(255))
	f.Add("键", "\U0001F600", int64(math.MaxInt32)+1, math.Copysign(0, -1), false, uint8(16))
	s := kinds(f)
	f.Fuzz(func(t *testing.T, key, text string, n int64, x float64, b bool, form uint8) {
		text, key = strings.ToValidUTF8(text, "?"), strings.ToValidUTF8(key, "?")
		m := dynamicpb.NewMessage(s.message)
		set := func(name string, v any) {
			m.Set(s.message.Fields().ByName(protoreflect.Name(name)), protoreflect.ValueOf(v))
		}
		set("key", key)
		set("other", text)
		set("maybe_text", text)
		set("i32", int32(n))
		set("i64", n)
		set("u32", uint32(n))
		set("u64", uint64(n))
		set("s32", int32(n))
		set("s64", n)
		set("f32", uint32(n))
		set("sf64", n)
		set("d", x)
		set("f", float32(x))
		set("b", b)
		if form&1 != 0 {
			set("raw", []byte(text))
		}
		opt := protojson.MarshalOptions{UseProtoNames: form&2 != 0, EmitUnpopulated: form&4 != 0, UseEnumNumbers: form&8 != 0, Multiline: form&16 != 0}
		data, err := opt.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, s, data)
	})
}

func TestIDsAndTimesAreFilledIn(t *testing.T) {
	s := pageViews(t, nil)
	e := s.encoder()
	seen := map[string]bool{}
	for _, text := range []string{`{"mid":"m"}`, `{"mid":"m","event_id":""}`, `{"mid":"m","eventId":null}`, `{"receive_time":"5","mid":"m"}`, `{"mid":"m","event_time":"1e3"}`} {
		for range 40 {
			ev, err := e.encode([]byte(text), 77)
			if err != nil {
				t.Fatal(err)
			}
			m := dynamicpb.NewMessage(s.message)
			if err := proto.Unmarshal(ev.value, m); err != nil {
				t.Fatal(err)
			}
			id := m.Get(s.id).String()
			if len(id) != 32 || seen[id] || m.Get(s.received).Int() != 77 || string(ev.key) != "m" {
				t.Fatalf("%s: id %q, received %v, key %q", text, id, m.Get(s.received), ev.key)
			}
			seen[id] = true
		}
	}
}

// Records of one request share buffers: later events must not change earlier ones.
func TestRecordsStayAsTheyWere(t *testing.T) {
	s := kinds(t)
	e := s.encoder()
	e.expect(64)
	var got, want []event
	for i := range 3000 {
		data := []byte(fmt.Sprintf(`{"key":"k%d","other":"%s\n"}`, i, strings.Repeat("y", i%97)))
		ev, err := e.encode(data, 1)
		if err != nil {
			t.Fatal(err)
		}
		clear(data)
		got = append(got, ev)
		want = append(want, event{bytes.Clone(ev.key), bytes.Clone(ev.value)})
	}
	for i := range got {
		if !bytes.Equal(got[i].key, want[i].key) || !bytes.Equal(got[i].value, want[i].value) {
			t.Fatalf("event %d changed", i)
		}
	}
}

const pageView = `{"event_id":"0123456789abcdef","mid":"0123456789abcdef","user_id":"123","page_id":"page_12","page_type":"detail","product_id":"77","line":"app","referer":"https://m.example.com/p/1","channel":"appstore","os":"ios","ip":"10.1.2.3","event_time":"1717230000000","url":"https://m.example.com/p/77","duration_ms":1234,"app_version":"6.12.3"}`

func TestQuickWayAllocates(t *testing.T) {
	server := &Server{cfg: Config{Topic: "t", MaxEvent: 1 << 20}, schema: pageViews(t, nil), now: time.Now}
	body := []byte("[" + strings.Repeat(pageView+",", 999) + pageView + "]")
	n := testing.AllocsPerRun(10, func() {
		if a, _, err := server.records(nil, body); err != nil || a.Accepted != 1000 {
			t.Fatal(a, err)
		}
	})
	if n > 60 {
		t.Errorf("%v allocations for 1,000 events", n)
	}
}

func BenchmarkEncode(b *testing.B) {
	s := pageViews(b, nil)
	data := []byte(pageView)
	for name, encode := range map[string]func([]byte, int64) (event, error){"quick": s.encoder().encode, "library": s.library} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := encode(data, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBody is the road from a request's body to its records, 500 events at a time.
func BenchmarkBody(b *testing.B) {
	server := &Server{cfg: Config{Topic: "t", MaxEvent: 1 << 20}, schema: pageViews(b, nil), now: time.Now}
	events := slices.Repeat([]string{pageView}, 500)
	odd := slices.Clone(events)
	odd[250] = strings.Replace(pageView, `:1234`, `:1.234e3`, 1)
	for name, body := range map[string]string{"array": "[" + strings.Join(events, ",") + "]", "lines": strings.Join(events, "\n"), "one-odd": "[" + strings.Join(odd, ",") + "]"} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if a, _, err := server.records(nil, []byte(body)); err != nil || a.Accepted != 500 {
					b.Fatal(a, err)
				}
			}
			b.ReportMetric(float64(b.N)*500/b.Elapsed().Seconds(), "events/s")
		})
	}
}
