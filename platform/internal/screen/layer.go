package screen

import (
	"strings"
	"time"
)

// The stations of the road of a row.
const (
	ODSLayer   = "ods"
	DWDLayer   = "dwd"
	DMLayer    = "dm"
	StoreLayer = "store"
)

// idleAfter is how old the newest record may be before a layer counts as idle and not as late.
const idleAfter = 30 * time.Second

// history is how many polls a layer's rates go back.
const history = 60

// layerOf tells the layer of a topic by its name.
func layerOf(topic string) string {
	for _, l := range []string{ODSLayer, DWDLayer, DMLayer} {
		if strings.HasPrefix(topic, l+"_") {
			return l
		}
	}
	return ""
}

// age fills in how old the newest record is; newest is in milliseconds, 0 or less when there is none.
func (l *Layer) age(newest int64, now time.Time) {
	if newest <= 0 {
		return
	}
	l.Known = true
	// Clocks of machines differ by a little.
	l.DelayMS = max(0, now.UnixMilli()-newest)
	if l.DelayMS > idleAfter.Milliseconds() {
		// A growing number would make every snapshot of a quiet warehouse a new one.
		l.Idle, l.DelayMS, l.Newest = true, 0, newest
	}
}

// meter derives rates from totals.
type meter struct {
	last  int64
	at    time.Time
	rates []float64
}

// rate notes a total and returns the rows a second since the one before, and those of the last minute.
func (m *meter) rate(total int64, now time.Time) (float64, []float64) {
	r := 0.0
	if seconds := now.Sub(m.at).Seconds(); !m.at.IsZero() && seconds > 0 {
		r = max(0, float64(total-m.last)/seconds)
	}
	if !m.at.IsZero() {
		m.rates = append(m.rates, float64(int64(r*10))/10)
		if n := len(m.rates); n > history {
			m.rates = append([]float64(nil), m.rates[n-history:]...)
		}
	}
	m.last, m.at = total, now
	return float64(int64(r*10)) / 10, m.rates[:len(m.rates):len(m.rates)]
}
