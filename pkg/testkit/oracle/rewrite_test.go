package oracle

import "testing"

const unanswered = `# of all cases
-- sql --
CREATE TABLE a (k STRING) WITH ('connector' = 'values');

=== nothing said
-- query --
SELECT 1

=== asks
-- query --
SELECT 2
-- out o --
# why
?
-- log o --
?

=== known
-- query --
SELECT 3
-- out o --
[b]

=== fails
-- query --
SELECT 4
`

const answered = `# of all cases
-- sql --
CREATE TABLE a (k STRING) WITH ('connector' = 'values');

=== nothing said
-- query --
SELECT 1
-- out o --
[a, 3]
-- batch o --
[a, 1]

=== asks
-- query --
SELECT 2
-- out o --
[a, 3]
# why
-- log o --
+I[a, 1]
-U[a, 1]
+U[a, 3]

=== known
-- query --
SELECT 3
-- out o --
[b]

=== fails
-- query --
SELECT 4
`

func TestRewrite(t *testing.T) {
	all, once := answer(t, added+","+before+","+`{"t":"o","k":"+U","v":["a","3"],"turn":1}`), answer(t, added)
	got, err := Rewrite(unanswered, map[int][2]*Answer{0: {all, once}, 1: {all, all}, 2: {all, all}, 3: {{Error: "no"}, nil}}, false)
	if err != nil || got != answered {
		t.Errorf("%v\n%s", err, got)
	}
	if again, err := Rewrite(got, map[int][2]*Answer{0: {once, once}, 1: {once, once}}, false); err != nil || again != got {
		t.Errorf("%v\n%s", err, again)
	}
	over, err := Rewrite("=== a\n-- out o --\n[b]\n", map[int][2]*Answer{0: {once, nil}}, true)
	if err != nil || over != "=== a\n-- out o --\n[a, 1]\n" {
		t.Errorf("%v\n%s", err, over)
	}
}
