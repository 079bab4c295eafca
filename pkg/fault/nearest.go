package fault

import (
	"slices"
	"strings"
)

// Nearest returns the candidates that name was probably meant to be, nearest
// first, at most three: those within an edit distance of a third of its
// length, and those that differ only in case, '-' or '_'.
func Nearest(name string, candidates []string) []string {
	type scored struct {
		text string
		d    int
	}
	fold := func(s string) string {
		return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(s))
	}
	limit := max(1, (len(name)+1)/3)
	var near []scored
	for _, c := range candidates {
		d := distance(strings.ToLower(name), strings.ToLower(c), limit)
		if fold(name) == fold(c) {
			d = 0
		}
		if d <= limit && c != "" {
			near = append(near, scored{c, d})
		}
	}
	slices.SortFunc(near, func(a, b scored) int {
		if a.d != b.d {
			return a.d - b.d
		}
		return strings.Compare(a.text, b.text)
	})
	var out []string
	for _, s := range near[:min(3, len(near))] {
		out = append(out, s.text)
	}
	return out
}

// DidYouMean is the remedy made of [Nearest], or "" when nothing is near.
func DidYouMean(name string, candidates []string) string {
	near := Nearest(name, candidates)
	if len(near) == 0 {
		return ""
	}
	return "did you mean " + strings.Join(near, " or ") + "?"
}

// distance is the Levenshtein distance with transpositions, or limit+1 when larger.
func distance(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if len(x)-len(y) > limit || len(y)-len(x) > limit {
		return limit + 1
	}
	var before []int
	prev := make([]int, len(y)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row := make([]int, len(y)+1)
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev = prev, row
	}
	return prev[len(y)]
}
