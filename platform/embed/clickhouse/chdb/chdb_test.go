package chdb

import (
	"strings"
	"testing"
)

// The engine itself is tested one level up, in a process of its own.

func TestLoadRefuses(t *testing.T) {
	for path, want := range map[string]string{
		"/nonexistent/libchdb.so": "load /nonexistent/libchdb.so",
		"libc.so.6":               "older than 26.7; run `make chdb`", // a library without the functions
	} {
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
}

func TestParseError(t *testing.T) {
	for text, want := range map[string]Error{
		"Code: 60. DB::Exception: Table x does not exist. (UNKNOWN_TABLE)": {Code: 60, Name: "UNKNOWN_TABLE"},
		"Code: 27. DB::Exception: (A) no name at the end":                  {Code: 27, Name: "UNKNOWN_EXCEPTION"},
		"out of luck": {Code: 1002, Name: "UNKNOWN_EXCEPTION"},
	} {
		got := parseError(text)
		if got.Code != want.Code || got.Name != want.Name || got.Error() != text {
			t.Errorf("%q: %+v", text, got)
		}
	}
}
