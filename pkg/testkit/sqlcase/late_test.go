package sqlcase

import (
	"fmt"
	"slices"
	"strings"
)

// late makes a case of a window aggregate over two splits, and what it gives when the watermark moves between epochs only: to the newest time of
// the split that is furthest behind, less 20 seconds. A row counts in those of its windows that are not closed yet.
func (g *generator) late() *Case {
	const minute, delay = 60_000, 20_000
	kind := g.IntN(3)
	table := []string{"TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '1' MINUTE)", "HOP(TABLE a, DESCRIPTOR(ts), INTERVAL '30' SECOND, INTERVAL '90' SECOND)",
		"CUMULATE(TABLE a, DESCRIPTOR(ts), INTERVAL '30' SECOND, INTERVAL '2' MINUTE)"}[kind]
	c := &Case{
		SQL: `CREATE TABLE a (id BIGINT, k STRING, n INT, x DECIMAL(10, 2), ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '20' SECOND) WITH ('connector' = 'values');
`,
		Query: "SELECT window_start, window_end, k, COUNT(*), SUM(x), COUNT(DISTINCT id) FROM TABLE(" + table + ") GROUP BY k, window_start, window_end",
		In:    map[string][]string{}, Out: map[string][]string{},
	}
	type window struct{ start, end int64 }
	windows := func(ts int64) []window {
		switch kind {
		case 0:
			return []window{{ts / minute * minute, ts/minute*minute + minute}}
		case 1:
			s := ts / (minute / 2) * (minute / 2)
			return []window{{s, s + 3*minute/2}, {s - minute/2, s + minute}, {s - minute, s + minute/2}}
		}
		s := ts / (2 * minute) * (2 * minute)
		var ws []window
		for end := s + minute/2; end <= s+2*minute; end += minute / 2 {
			if end > ts {
				ws = append(ws, window{s, end})
			}
		}
		return ws
	}
	newest := []int64{-1, -1}
	mark := int64(-1 << 60)
	rows := map[string][]tuple{}
	for epoch := range int64(8) {
		for split := range newest {
			name := fmt.Sprintf("a/%d", split)
			for range g.IntN(4) {
				t := g.random()
				ts := max(0, epoch*25_000+int64(split)*10_000+g.Int64N(80_000)-40_000)
				c.In[name] = append(c.In[name], fmt.Sprintf("+I%s, %s]", strings.TrimSuffix(t.String(), "]"), clock(ts)))
				for _, w := range windows(ts) {
					if w.end-1 > mark {
						key := fmt.Sprintf("%s, %s, %s", clock(w.start), clock(w.end), show(t.k, word))
						rows[key] = append(rows[key], t)
					}
				}
				newest[split] = max(newest[split], ts)
			}
			c.In[name] = append(c.In[name], barrier)
		}
		if low := min(newest[0], newest[1]); low >= 0 {
			mark = max(mark, low-delay)
		}
	}
	out := []string{}
	for key, rs := range rows {
		ids := map[int64]bool{}
		for _, t := range rs {
			if t.id != nil {
				ids[*t.id] = true
			}
		}
		s, _ := sum(rs, xx)
		out = append(out, fmt.Sprintf("[%s, %d, %s, %d]", key, len(rs), show(s, hundredths), len(ids)))
	}
	slices.Sort(out)
	c.Out["o"] = out
	return c
}

// clock prints milliseconds since the first of 1970 as rows have them.
func clock(ms int64) string {
	day := "1970-01-01"
	if ms < 0 {
		day, ms = "1969-12-31", ms+86_400_000
	}
	s := fmt.Sprintf("%sT%02d:%02d:%02d", day, ms/3_600_000, ms/60_000%60, ms/1000%60)
	if ms%1000 != 0 {
		s += fmt.Sprintf(".%03d", ms%1000)
	}
	return s
}
