package parse

import "testing"

func TestComplete(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "SELECT 1": false, "SELECT 1;": true, "SELECT ';'": false, "SELECT ';';": true, "SELECT 'a;": false, "SELECT 'it''s;": false,
		"SELECT `a;": false, "SELECT 1; -- and\n": true, "SELECT 1 -- ;": false, "SELECT 1 /* ;": false, "SELECT 1; /* open": false, "SELECT /*+ OPTIONS('a'='b') */ 1;": true,
		"BEGIN STATEMENT SET;": false, "BEGIN STATEMENT SET; INSERT INTO a SELECT 1;": false, "BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END;": true,
		"EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT CASE WHEN x THEN 1 END;": false, "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END;": true,
		"SELECT CASE WHEN a THEN 1 END;": true, "SET 'a' = 'b';": true, "SELECT \"a\";": true,
	} {
		if got := Complete(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
