package cli

import (
	"encoding/json"
	"os"
	"runtime/pprof"
	"syscall"

	"github.com/freshet-dw/freshet/pkg/fault"
)

type processUsage struct {
	cpu float64 // seconds, user and system
	rss int64   // peak, bytes
}

// resources is what this process has used so far.
func resources() processUsage {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return processUsage{}
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return processUsage{cpu: seconds(r.Utime) + seconds(r.Stime), rss: r.Maxrss << 10}
}

// startProfile begins a CPU profile; no file, no profile.
func startProfile(file string) (stop func(), err error) {
	if file == "" {
		return func() {}, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "create profile")
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "start profile")
	}
	return func() { pprof.StopCPUProfile(); _ = f.Close() }, nil
}

func writeJSON(file string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, append(data, '\n'), 0o644); err != nil {
		return fault.Wrap(fault.Permanent, err, "write figures")
	}
	return nil
}
