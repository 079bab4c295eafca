package batch

import "time"

// timestampString prints microseconds since the epoch with as many fraction digits as it needs.
func timestampString(us int64, ltz bool) string {
	layout := "2006-01-02T15:04:05"
	switch {
	case us%1_000_000 == 0:
	case us%1_000 == 0:
		layout += ".000"
	default:
		layout += ".000000"
	}
	if ltz {
		layout += "Z"
	}
	return time.UnixMicro(us).UTC().Format(layout)
}
