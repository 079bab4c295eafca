// Package wasmtest builds the module with which tests try user functions in WebAssembly.
package wasmtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Build compiles the guest, in folder guest, with the Go toolchain at hand and gives the module's path. The build is cached by the toolchain.
func Build(tb testing.TB) string {
	tb.Helper()
	_, here, _, _ := runtime.Caller(0)
	out := filepath.Join(tb.TempDir(), "guest.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", out, "main.go")
	cmd.Dir = filepath.Join(filepath.Dir(here), "guest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOWORK=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("build the guest: %v\n%s", err, text)
	}
	return out
}
