package sqlcase

import (
	"strings"
	"testing"
)

func TestCases(t *testing.T) {
	files, err := Files("testdata")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, f := range files {
		cases, err := ParseFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(f.Name, ".txt"), func(t *testing.T) {
			for _, c := range cases {
				t.Run(c.Name, func(t *testing.T) {
					if err := f.misplaced(c); err != nil {
						t.Fatal(err)
					}
					if f.Folder == NotYet {
						RunNotYet(t, c)
					} else {
						Run(t, c)
					}
				})
			}
		})
	}
}

// TestCrashesHappen keeps the ways honest: jobs outside the transaction do repeat epochs that their sinks have seen.
func TestCrashesHappen(t *testing.T) {
	cases, err := ParseFile("testdata/agree/groupagg.txt")
	if err != nil {
		t.Fatal(err)
	}
	replays := 0
	for _, c := range cases {
		for _, w := range ways(c) {
			got, err := run(c, w)
			if err != nil {
				t.Fatal(err)
			}
			replays += got.replays
		}
	}
	if replays < 10 {
		t.Errorf("%d flushes were repeated", replays)
	}
}

func TestCaseComesBackFromItsText(t *testing.T) {
	for _, text := range []string{
		"=== a\n-- sql --\nSELECT 1;\n-- in t/0 --\n-- in t/1 --\n+I[1]\n~\n-- out o --\n[1]\n-- batch o --\n-- log o --\n+I[1]\n\n",
		"=== b\n-- query --\nSELECT 1\n-- error --\nno\n\n",
	} {
		cases, err := Parse(text)
		if err != nil || cases[0].String() != text {
			t.Errorf("%v\n%s", err, cases[0])
		}
	}
}

func TestParseNamesTheFault(t *testing.T) {
	for text, want := range map[string]string{
		"=== a\n-- rows o --\n":   `line 2: no section "rows"`,
		"-- sql --\n=== a\n+I[1]": `line 3: "+I[1]" is in no section`,
	} {
		if _, err := Parse(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
