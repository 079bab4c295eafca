package parse

import "testing"

func TestLogicalTypes(t *testing.T) {
	for in, want := range map[string]string{
		"int not null":                             "INT NOT NULL",
		"numeric(38, 18)":                          "DECIMAL(38, 18)",
		"timestamp(3) with local time zone":        "TIMESTAMP_LTZ(3)",
		"row<a array<string not null>, `b c` int>": "ROW<`a` ARRAY<STRING NOT NULL>, `b c` INT>",
		"map<varchar(3), bytes> array":             "ARRAY<MAP<VARCHAR(3), BYTES>>",
		"interval year to month":                   "INTERVAL YEAR TO MONTH",
		"decimal(39)":                              "t:1:1: DECIMAL precision 39 is not in 1..38",
		"row<a timestamp(10)>":                     "t:1:7: TIMESTAMP precision 10 is not in 0..9",
		"my.own":                                   "t:1:1: type my.own is not known",
	} {
		d, err := Type("t", in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		got := ""
		if l, err := d.Logical(); err != nil {
			got = err.Error()
		} else {
			got = l.String()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
