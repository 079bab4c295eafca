package embed

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// light are the stores without a child process.
var light = []string{Kafka, Redis, HBase}

func TestStartAndStop(t *testing.T) {
	dir := t.TempDir()
	var states []string
	cfg := Config{Dir: dir, Stores: light, Progress: func(name, state string) { states = append(states, name+" "+state) }}
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Kafka.Addr() == "" || s.Redis.Addr() == "" || s.HBase.ZKAddr() == "" || s.MySQL != nil || len(states) != 6 {
		t.Fatalf("stack %+v, states %v", s, states)
	}
	_, err = Start(t.Context(), cfg)
	if fault.KindOf(err) != fault.Config || !strings.Contains(err.Error(), fmt.Sprintf("in use by process %d", os.Getpid())) || fault.RemedyOf(err) == "" {
		t.Fatalf("second start in the same directory: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Done():
	default:
		t.Fatal("not done after Close")
	}
	again, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatalf("start after close: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestPortsInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	_, err = Start(t.Context(), Config{Dir: t.TempDir(), Stores: light, Ports: Ports{Redis: port, MySQL: port}})
	if fault.KindOf(err) != fault.Config {
		t.Fatalf("err = %v", err)
	}
	text := fault.Render(err, "")
	for _, part := range []string{fmt.Sprint("port ", port, " for Redis is in use by "), fmt.Sprintf("(process %d)", os.Getpid()), "-redis-port"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in %s", part, text)
		}
	}
	if strings.Contains(text, "mysql") {
		t.Errorf("a port that is not needed is checked: %s", text)
	}
	if _, err := Start(t.Context(), Config{Dir: t.TempDir(), Stores: []string{"kafak"}}); fault.KindOf(err) != fault.Config {
		t.Errorf("unknown store: %v", err)
	}
}
