package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program is the built freshet: FRESHET_BIN, or built here.
func program(t *testing.T) string {
	t.Helper()
	if bin := os.Getenv("FRESHET_BIN"); bin != "" {
		abs, err := filepath.Abs(bin)
		if err != nil {
			t.Fatal(err)
		}
		return abs
	}
	bin := filepath.Join(t.TempDir(), "freshet")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "./cmd/freshet")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build freshet: %v\n%s", err, out)
	}
	return bin
}

// warehouse is a freshet process with all targets and stores, which can be killed and started again on its data.
type warehouse struct {
	bin, dir string
	cmd      *exec.Cmd
	exited   chan error
	starts   int

	addr      Addresses
	mysql     *relay // fixed addresses for the simulator
	collector *relay
}

func startWarehouse(t *testing.T, bin string) *warehouse {
	t.Helper()
	w := &warehouse{bin: bin, dir: t.TempDir()}
	var err error
	if keep := os.Getenv("FRESHET_E2E_KEEP"); keep != "" { // to look at what a failed test left
		if w.dir, err = os.MkdirTemp(keep, t.Name()); err != nil {
			t.Fatal(err)
		}
		t.Logf("data is kept in %s", w.dir)
	}
	if w.mysql, err = newRelay(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if w.collector, err = newRelay(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.stop(t)
		_, _ = w.mysql.close(), w.collector.close()
		if t.Failed() {
			t.Logf("the warehouse's last words:\n%s", w.tail())
		}
	})
	if err := w.start(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, w.tail())
	}
	return w
}

func (w *warehouse) logFile() string { return filepath.Join(w.dir, "freshet.log") }

// start runs the program in a process group of its own and waits until it has written its addresses.
func (w *warehouse) start(ctx context.Context) error {
	addresses := filepath.Join(w.dir, fmt.Sprintf("addresses-%d.json", w.starts))
	w.starts++
	log, err := os.OpenFile(w.logFile(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{"demo", "--data", filepath.Join(w.dir, "data"), "--ports", "auto", "--simulate=false", "--addresses", addresses}
	w.cmd = exec.Command(w.bin, append(args, strings.Fields(os.Getenv("FRESHET_E2E_ARGS"))...)...)
	w.cmd.Dir = filepath.Join("..", "..")
	w.cmd.Stdout, w.cmd.Stderr = log, log
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := w.cmd.Start(); err != nil {
		return err
	}
	exited := make(chan error, 1)
	w.exited = exited
	cmd := w.cmd
	go func() { exited <- cmd.Wait() }()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		if data, err := os.ReadFile(addresses); err == nil && json.Valid(data) {
			tick.Stop()
			break
		}
		select {
		case <-tick.C:
		case err := <-exited:
			exited <- err
			return fmt.Errorf("the warehouse ended while it started: %v", err)
		case <-ctx.Done():
			return fmt.Errorf("the warehouse did not start: %w", ctx.Err())
		}
	}
	if w.addr, err = ReadAddresses(addresses); err != nil {
		return err
	}
	c, err := w.addr.MySQLConfig()
	if err != nil {
		return err
	}
	u, err := url.Parse(w.addr.CollectorURL())
	if err != nil {
		return err
	}
	w.mysql.retarget(c.Addr)
	w.collector.retarget(u.Host)
	return nil
}

// kill ends the whole process group at once, as a power cut would end it, and waits until it is gone.
func (w *warehouse) kill() error {
	if err := syscall.Kill(-w.cmd.Process.Pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill the warehouse: %w", err)
	}
	<-w.exited
	return nil
}

func (w *warehouse) stop(t *testing.T) {
	if w.cmd == nil || w.cmd.Process == nil {
		return
	}
	_ = w.cmd.Process.Signal(os.Interrupt)
	select {
	case <-w.exited:
	case <-time.After(30 * time.Second):
		t.Error("the warehouse did not stop in 30 s")
	}
	_ = syscall.Kill(-w.cmd.Process.Pid, syscall.SIGKILL) // nothing of it is left behind
}

func (w *warehouse) tail() string {
	data, err := os.ReadFile(w.logFile())
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(data, []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-60):], []byte("\n")))
}
