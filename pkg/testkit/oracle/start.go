package oracle

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// opened are the packages of java.base that Flink reaches into.
var opened = []string{
	"java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.text", "java.time", "java.util",
	"java.util.concurrent", "java.util.concurrent.atomic", "java.util.concurrent.locks",
}

// Start builds the Flink side of source (the folder flink/ of this package) into a folder of cache, unless that was done, and starts it on a free
// port. The process ends with ctx. It needs java and mvn in the PATH.
func Start(ctx context.Context, source, cache string) (address string, err error) {
	out, err := build(ctx, source, cache)
	if err != nil {
		return "", err
	}
	args := []string{"-Xmx2g", "-XX:+UseSerialGC"}
	for _, p := range opened {
		args = append(args, "--add-opens=java.base/"+p+"=ALL-UNNAMED")
	}
	args = append(args, "-cp", filepath.Join(out, "classes")+string(os.PathListSeparator)+filepath.Join(out, "lib", "*"), "freshet.oracle.Main", "0")
	cmd := exec.CommandContext(ctx, "java", args...)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("start the oracle: %w", err)
	}
	in := bufio.NewReader(stdout)
	line, err := in.ReadString('\n')
	port, ok := strings.CutPrefix(strings.TrimSpace(line), "listening ")
	if err != nil || !ok {
		return "", errors.Join(fmt.Errorf("the oracle says %q, not its port", line), err, cmd.Wait())
	}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		_ = cmd.Wait()
	}()
	return "127.0.0.1:" + port, nil
}

// build runs Maven in a copy of source: its output goes to a folder named by the hash of the files.
func build(ctx context.Context, source, cache string) (string, error) {
	sum := sha256.New()
	err := filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(sum, "%s %d\n", path[len(source):], len(data))
		sum.Write(data)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read the oracle's source: %w", err)
	}
	out, err := filepath.Abs(filepath.Join(cache, fmt.Sprintf("%x", sum.Sum(nil)[:8])))
	if err != nil {
		return "", err
	}
	done := filepath.Join(out, "built")
	if _, err := os.Stat(done); err == nil {
		return out, nil
	}
	cmd := exec.CommandContext(ctx, "mvn", "-q", "-B", "-Doracle.out="+out, "package")
	cmd.Dir = source
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the oracle: %w\n%s", err, text)
	}
	return out, os.WriteFile(done, nil, 0o644)
}
