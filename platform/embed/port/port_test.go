package port

import (
	"net"
	"strconv"
	"testing"
)

func TestFree(t *testing.T) {
	ports, err := Free(t.Context(), 5)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, p := range ports {
		if p < first || p >= last || seen[p] {
			t.Errorf("port %d of %v", p, ports)
		}
		seen[p] = true
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(p))
		if err != nil {
			t.Errorf("port %d is not free: %v", p, err)
			continue
		}
		defer l.Close()
	}
}
