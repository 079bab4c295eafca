package parse

import "testing"

func TestWorkedCase(t *testing.T) {
	s, err := File("uv.sql", "insert into uv_index select log_date, ROW(count(distinct mid) as UV) from pageview group by log_date")
	if err != nil || len(s) != 1 {
		t.Fatal(s, err)
	}
}
