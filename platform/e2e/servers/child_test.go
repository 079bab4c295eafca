//go:build linux

package servers

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// parentEnv makes the test program start a child, say its pid, and wait to be killed.
const parentEnv = "FRESHET_TEST_PARENT"

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentEnv); dir != "" {
		s, err := shell(context.Background(), dir, "echo up; exec sleep 60", "up", 10*time.Second)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(s.pid)
		select {}
	}
	os.Exit(m.Run())
}

// shell runs a script as a server that is ready when it has said so.
func shell(ctx context.Context, dir, script, ready string, timeout time.Duration) (*Server, error) {
	s := &Server{name: "script", args: []string{"sh", "-c", script}, timeout: timeout}
	s.ready = s.logged(ready)
	return s.run(ctx, dir)
}

func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestStopKillRestart(t *testing.T) {
	dir := t.TempDir()
	s, err := shell(t.Context(), dir, `trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done`, "up", 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	first := s.pid
	if err := s.Stop(); err != nil || alive(first) {
		t.Fatalf("stop: %v, alive %v", err, alive(first))
	}
	if err := s.Restart(t.Context()); err != nil { // not deceived by what the first one said
		t.Fatal(err)
	}
	second := s.pid
	if err := s.Kill(); err != nil || alive(second) || first == second {
		t.Fatalf("kill: %v", err)
	}
	if err := s.Stop(); err != nil {
		t.Fatalf("stop after the end: %v", err)
	}
	log, err := os.ReadFile(s.Log)
	if err != nil || string(log) != "up\nbye\nup\n" {
		t.Fatalf("log %q, %v", log, err)
	}
}

func TestStartFailures(t *testing.T) {
	_, err := shell(t.Context(), t.TempDir(), "echo no space left on device >&2; exit 3", "up", 10*time.Second)
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "no space left") {
		t.Fatalf("ended at once: %v", err)
	}
	dir := t.TempDir()
	_, err = shell(t.Context(), dir, "echo $$ >pid; echo waiting; exec sleep 60", "up", 300*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "waiting") || !strings.Contains(err.Error(), "not ready in time") {
		t.Fatalf("never ready: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err != nil || alive(pid) {
		t.Fatalf("it is left behind: %v", err)
	}
	if _, err := need("apt-get install -y nothing", "freshet-no-such-program"); fault.KindOf(err) != fault.Config || fault.RemedyOf(err) != "run: apt-get install -y nothing" {
		t.Fatalf("missing program: %v", err)
	}
}

func TestChildDiesWithParent(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.CommandContext(t.Context(), exe)
	parent.Env = append(os.Environ(), parentEnv+"="+t.TempDir())
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	pid, convErr := strconv.Atoi(strings.TrimSpace(line))
	if err := errors.Join(err, convErr); err != nil {
		t.Fatal(err)
	}
	if !alive(pid) {
		t.Fatal("the child is not there")
	}
	if err := parent.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // killed
	for end := time.Now().Add(5 * time.Second); alive(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("process %d outlived its parent", pid)
		}
	}
}

func TestInstalled(t *testing.T) {
	t.Setenv("FRESHET_CACHE", t.TempDir())
	fills := 0
	fill := func(_ context.Context, dir string) error {
		fills++
		if err := os.WriteFile(filepath.Join(dir, "a"), nil, 0o644); err != nil {
			return err
		}
		if fills == 1 {
			return errors.New("line broke")
		}
		return nil
	}
	if _, err := installed(t.Context(), "x", "1", fill); err == nil || !strings.Contains(err.Error(), "line broke") {
		t.Fatalf("err = %v", err)
	}
	for range 2 {
		dir, err := installed(t.Context(), "x", "1", fill)
		if err != nil || filepath.Base(dir) != "x-1" {
			t.Fatal(dir, err)
		}
	}
	if fills != 2 {
		t.Fatalf("%d downloads: a broken one counts as none, a whole one is kept", fills)
	}
}

func TestUntarStaysInside(t *testing.T) {
	pack := func(name string) *bytes.Buffer {
		var b bytes.Buffer
		gz := gzip.NewWriter(&b)
		w := tar.NewWriter(gz)
		err := errors.Join(w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: 2}), second(w.Write([]byte("hi"))), w.Close(), gz.Close())
		if err != nil {
			t.Fatal(err)
		}
		return &b
	}
	dir := t.TempDir()
	if err := untar(pack("./bin/mysqld"), dir); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(filepath.Join(dir, "bin", "mysqld")); err != nil || st.Mode()&0o100 == 0 || st.Size() != 2 {
		t.Fatal(st, err)
	}
	if err := untar(pack("../evil"), dir); err == nil {
		t.Fatal("a file was written outside")
	}
}

func second(_ int, err error) error { return err }
