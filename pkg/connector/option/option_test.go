package option

import (
	"strings"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
)

func TestDurations(t *testing.T) {
	for in, want := range map[string]time.Duration{"1s": time.Second, "1 s": time.Second, "500": 500 * time.Millisecond, "2 min": 2 * time.Minute,
		"3 minutes": 3 * time.Minute, "36 h": 36 * time.Hour, "1 day": 24 * time.Hour, "7us": 7 * time.Microsecond, "0": 0} {
		if got, err := ParseDuration(in); err != nil || got != want {
			t.Errorf("%q = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "s", "1 fortnight", "-1 s", "99999999999999 d"} {
		if got, err := ParseDuration(in); err == nil {
			t.Errorf("%q = %v, want an error", in, got)
		}
	}
}

func TestSizes(t *testing.T) {
	for in, want := range map[string]int64{"64 mb": 64 << 20, "1kb": 1 << 10, "10": 10, "2 gibibytes": -1} {
		got, err := ParseSize(in)
		if want < 0 && err == nil || want >= 0 && (err != nil || got != want) {
			t.Errorf("%q = %v, %v; want %v", in, got, err, want)
		}
	}
}

func TestCheckReportsAllFaults(t *testing.T) {
	tbl := &catalog.Table{Name: "t", Options: map[string]string{"connector": "x", "topc": "a", "flush": "soon", "mode": "fast", "prop.a": "1"},
		OptionPos: map[string]catalog.Pos{"topc": {File: "f.sql", Line: 3, Col: 5}}}
	_, err := Check(tbl, []Spec{{Key: "topic", Required: true, Help: "the topic"}, {Key: "flush", Kind: Duration}, {Key: "mode", Enum: []string{"slow"}}, {Key: "prop.*"}})
	if fault.KindOf(err) != fault.Config {
		t.Fatalf("kind of %v", err)
	}
	text := fault.Render(err, "")
	for _, want := range []string{"f.sql:3:5", "'topc' is unknown", "topic", "'flush' is 'soon'", "'mode' is 'fast'", "'topic' is required"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
}
