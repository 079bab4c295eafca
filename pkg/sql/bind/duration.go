package bind

import (
	"strconv"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// ParseDuration reads a duration as Flink's options write it: '36 h', '1d', '500 ms', '10 min'; a bare number is milliseconds.
func ParseDuration(text string) (time.Duration, error) {
	t := strings.TrimSpace(text)
	i := strings.IndexFunc(t, func(r rune) bool { return r < '0' || r > '9' })
	if i < 0 {
		i = len(t)
	}
	n, err := strconv.ParseInt(t[:i], 10, 64)
	unit, ok := durationUnit(strings.ToLower(strings.TrimSpace(t[i:])))
	if err != nil || !ok || n > int64(1<<63-1)/int64(unit) {
		return 0, fault.WithRemedy(fault.Newf(fault.Config, "%q is not a duration", text), "write it as '36 h', '1 d', '10 min' or '500 ms'")
	}
	return time.Duration(n) * unit, nil
}

func durationUnit(u string) (time.Duration, bool) {
	switch u {
	case "", "ms", "milli", "millis", "millisecond", "milliseconds":
		return time.Millisecond, true
	case "d", "day", "days":
		return 24 * time.Hour, true
	case "h", "hour", "hours":
		return time.Hour, true
	case "m", "min", "minute", "minutes":
		return time.Minute, true
	case "s", "sec", "secs", "second", "seconds":
		return time.Second, true
	case "µs", "micro", "micros", "microsecond", "microseconds":
		return time.Microsecond, true
	case "ns", "nano", "nanos", "nanosecond", "nanoseconds":
		return time.Nanosecond, true
	}
	return 1, false
}
