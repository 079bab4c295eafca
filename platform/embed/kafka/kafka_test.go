package kafka

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/testkit/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	s, err := Start(t.Context(), Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	storetest.Kafka(t, []string{s.Addr()})
}

// TestKilled kills the broker's process in the middle of a transaction.
func TestKilled(t *testing.T) {
	for _, sync := range []bool{false, true} {
		t.Run(fmt.Sprint("sync ", sync), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
			cmd.Env = append(os.Environ(), "KAFKA_CHILD_DIR="+dir, "KAFKA_CHILD_SYNC="+strconv.FormatBool(sync))
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			verify := storetest.KafkaDurable(t, []string{strings.TrimSpace(line)})
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			s, err := Start(t.Context(), Config{Dir: dir, Sync: sync})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			verify([]string{s.Addr()})
		})
	}
}

// TestChild is the body of the child process of TestKilled.
func TestChild(t *testing.T) {
	dir := os.Getenv("KAFKA_CHILD_DIR")
	if dir == "" {
		return
	}
	s, err := Start(context.Background(), Config{Dir: dir, Sync: os.Getenv("KAFKA_CHILD_SYNC") == "true"})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(s.Addr())
	select {}
}

func TestPortInUse(t *testing.T) {
	s, err := Start(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, port, _ := strings.Cut(s.Addr(), ":")
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Config{Port: n}); fault.KindOf(err) != fault.Config || fault.RemedyOf(err) == "" {
		t.Fatalf("err = %v", err)
	}
}
