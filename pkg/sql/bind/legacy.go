package bind

import (
	"strings"

	"github.com/freshet-dw/freshet/pkg/sql/catalog"
)

// modern rewrites the options of Flink's old table factories, of which 1.20 keeps the CSV file source ('connector.type' = 'filesystem',
// 'format.type' = 'csv'), to those of the connector that took its place.
func modern(t *catalog.Table) {
	if t.Options["connector"] != "" || t.Options["connector.type"] == "" {
		return
	}
	for old, v := range t.Options {
		var key string
		switch {
		case old == "connector.type":
			key = "connector"
		case old == "format.type":
			key = "format"
		case old == "connector.property-version", old == "format.property-version", old == "format.derive-schema", old == "update-mode":
		case strings.HasPrefix(old, "connector."):
			key = strings.TrimPrefix(old, "connector.")
		case strings.HasPrefix(old, "format."):
			key = t.Options["format.type"] + strings.TrimPrefix(old, "format")
		default:
			continue
		}
		if key != "" {
			t.Options[key], t.OptionPos[key] = v, t.OptionPos[old]
		}
	}
	for old := range t.Options {
		if strings.HasPrefix(old, "connector.") || strings.HasPrefix(old, "format.") || old == "update-mode" {
			delete(t.Options, old)
		}
	}
}
