package fault

import (
	"fmt"
	"testing"
)

func TestNearest(t *testing.T) {
	names := []string{"brokers", "broker_id", "group", "ods-binlog", "ods-logs", "all"}
	for in, want := range map[string]string{
		"borkers":    "[brokers]",
		"ods_binlog": "[ods-binlog]",
		"ODSLOGS":    "[ods-logs]",
		"al":         "[all]",
		"password":   "[]",
		"":           "[]",
	} {
		if got := fmt.Sprint(Nearest(in, names)); got != want {
			t.Errorf("Nearest(%q) = %s, want %s", in, got, want)
		}
	}
	if got := DidYouMean("grop", names); got != "did you mean group?" {
		t.Error(got)
	}
	if got := DidYouMean("zzzzzz", names); got != "" {
		t.Error(got)
	}
}
