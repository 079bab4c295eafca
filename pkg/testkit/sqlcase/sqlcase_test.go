package sqlcase

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, f := range files {
		cases, err := ParseFile(f)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			for _, c := range cases {
				t.Run(c.Name, func(t *testing.T) { Run(t, c) })
			}
		})
	}
}
