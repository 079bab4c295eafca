package servers

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
)

//go:embed maven
var poms embed.FS

// installTimeout bounds one download.
const installTimeout = 10 * time.Minute

// need finds a program, or says how to get it.
func need(remedy string, names ...string) (string, error) {
	for _, name := range names {
		if p, err := exec.LookPath(name); err == nil {
			return p, nil
		}
		for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/usr/libexec"} {
			p := filepath.Join(dir, name)
			if st, err := os.Stat(p); err == nil && st.Mode()&0o111 != 0 && !st.IsDir() {
				return p, nil
			}
		}
	}
	return "", fault.WithRemedy(fault.Newf(fault.Config, "%s is not installed", names[0]), "run: "+remedy)
}

const javaRemedy = "apt-get install -y openjdk-17-jre-headless"

var javaVersion = regexp.MustCompile(`version "(\d+)`)

// java finds a Java that runs Kafka and HBase.
func java(ctx context.Context) (string, error) {
	path, err := need(javaRemedy, "java")
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, path, "-version").CombinedOutput()
	if err != nil {
		return "", fault.Wrap(fault.Config, err, "ask java for its version")
	}
	m := javaVersion.FindSubmatch(out)
	if m == nil {
		return path, nil
	}
	if n, err := strconv.Atoi(string(m[1])); err == nil && n < 17 {
		return "", fault.WithRemedy(fault.Newf(fault.Config, "java is version %d; Kafka and HBase need 17", n), "run: "+javaRemedy)
	}
	return path, nil
}

// cacheDir is where downloads are kept.
func cacheDir() (string, error) {
	base := os.Getenv("FRESHET_CACHE")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fault.Wrap(fault.Config, err, "find the cache directory; set FRESHET_CACHE")
		}
		base = filepath.Join(home, ".cache", "freshet")
	}
	dir := filepath.Join(base, "servers")
	return dir, fault.Wrap(fault.Config, os.MkdirAll(dir, 0o755), "make the cache directory")
}

// installed gives the directory <name>-<version> of the cache, filled by fill at its first use. Processes wait for each other.
func installed(ctx context.Context, name, version string, fill func(ctx context.Context, dir string) error) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, name+"-"+version)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", fault.Wrap(fault.Config, err, "install %s", name)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fault.Wrap(fault.Config, err, "wait for another process that installs %s", name)
	}
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	tmp := dir + ".part"
	if err := errors.Join(os.RemoveAll(tmp), os.MkdirAll(tmp, 0o755)); err != nil {
		return "", fault.Wrap(fault.Config, err, "install %s", name)
	}
	if err := fill(ctx, tmp); err != nil {
		return "", errors.Join(fmt.Errorf("install %s %s: %w", name, version, err), os.RemoveAll(tmp))
	}
	return dir, fault.Wrap(fault.Config, os.Rename(tmp, dir), "install %s", name)
}

// jars fills a directory with what maven/<name>/pom.xml depends on.
func jars(name string) func(context.Context, string) error {
	return func(ctx context.Context, dir string) error {
		mvn, err := need("apt-get install -y maven", "mvn")
		if err != nil {
			return err
		}
		pom, err := poms.ReadFile("maven/" + name + "/pom.xml")
		if err != nil {
			return err
		}
		file := filepath.Join(dir, "pom.xml")
		if err := os.WriteFile(file, pom, 0o644); err != nil {
			return err
		}
		return once(ctx, dir, mvn, "-q", "-B", "-f", file, "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies", "-DoutputDirectory="+dir)
	}
}

// unpack replaces the jar in dir by the content of the .tar.gz in it whose name has the word.
func unpack(dir, word string) error {
	found, err := filepath.Glob(filepath.Join(dir, "*.jar"))
	if err != nil || len(found) != 1 {
		return fault.Newf(fault.Config, "%d jars in %s: %v", len(found), dir, err)
	}
	z, err := zip.OpenReader(found[0])
	if err != nil {
		return err
	}
	defer z.Close()
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, ".tar.gz") && strings.Contains(f.Name, word) {
			in, err := f.Open()
			if err != nil {
				return err
			}
			return errors.Join(untar(in, dir), in.Close(), os.Remove(found[0]))
		}
	}
	return fault.Newf(fault.Config, "%s holds no archive for %s", found[0], word)
}

func untar(in io.Reader, dir string) error {
	gz, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir) // no member gets out of dir
	if err != nil {
		return err
	}
	defer root.Close()
	for t := tar.NewReader(gz); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := filepath.Clean(h.Name)
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		switch h.Typeflag {
		case tar.TypeDir:
			err = root.MkdirAll(name, 0o755)
		case tar.TypeSymlink:
			err = root.Symlink(h.Linkname, name)
		case tar.TypeReg:
			err = write(root, name, t, fs.FileMode(h.Mode)&0o777)
		}
		if err != nil {
			return err
		}
	}
}

func write(root *os.Root, name string, in io.Reader, mode fs.FileMode) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, in)
	return errors.Join(err, f.Close())
}
