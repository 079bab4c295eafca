package bind

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
)

// watermarkChecks are the options scan.watermark.…, which a table of any connector takes, with what is wrong with a value, "" if nothing is.
var watermarkChecks = map[string]func(string) string{
	"scan.watermark.idle-timeout":              isDuration,
	"scan.watermark.alignment.group":           func(string) string { return "" },
	"scan.watermark.alignment.max-drift":       isDuration,
	"scan.watermark.alignment.update-interval": isDuration,
	"scan.watermark.emit.strategy": func(v string) string {
		if v == "on-event" || v == "on-periodic" {
			return ""
		}
		return "it is on-event or on-periodic"
	},
	"scan.watermark.emit.on-event.gap": func(v string) string {
		if n, err := strconv.Atoi(v); err == nil && n > 0 {
			return ""
		}
		return "it is a number of rows from 1"
	},
}

func isDuration(v string) string {
	if _, err := ParseDuration(v); err != nil {
		return err.Error()
	}
	return ""
}

// watermarkOptions checks the options of a table's watermarks. Emission and alignment need nothing of the engine: watermarks move at the end of an
// epoch, and are the minimum over the splits.
func (b *Binder) watermarkOptions(t *catalog.Table) {
	for _, k := range slices.Sorted(maps.Keys(t.Options)) {
		if !strings.HasPrefix(k, "scan.watermark.") {
			continue
		}
		check, ok := watermarkChecks[k]
		if !ok {
			b.remedy(t.OptionPos[k], fault.DidYouMean(k, slices.Sorted(maps.Keys(watermarkChecks))), "table %s: there is no option '%s'", t.Name, k)
			continue
		}
		if what := check(t.Options[k]); what != "" {
			b.errorf(t.OptionPos[k], "table %s: option '%s' cannot be '%s': %s", t.Name, k, t.Options[k], what)
		}
	}
	group, drift := t.Options["scan.watermark.alignment.group"], t.Options["scan.watermark.alignment.max-drift"]
	if (group == "") != (drift == "") {
		for _, k := range []string{"scan.watermark.alignment.group", "scan.watermark.alignment.max-drift"} {
			if p, ok := t.OptionPos[k]; ok {
				b.errorf(p, "table %s: scan.watermark.alignment.group and scan.watermark.alignment.max-drift go together", t.Name)
			}
		}
	}
}
