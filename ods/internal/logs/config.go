// Package logs follows the access logs of web servers and brings their lines to Kafka as JSON.
//
// Guarantees. Each line comes exactly once: how far each file was read is committed in the Kafka transaction of its lines (package positions). Files are known by
// device and inode and by the bytes before the position, so that a rename, a new file of the old name and an inode that is used again are told apart. A renamed
// file is read to its end, also after a restart, as long as it is in the same directory. A file that was cut off is read from its start. A line is read when its
// end is there. A line that does not fit the format, or is too long, is a dead letter with file, offset and reason.
//
// A record is {"remote_addr", "remote_user", "time", "method", "path", "protocol", "status", "bytes", "referer", "user_agent", "host", "file", "offset", "raw"}:
// time in UTC as 2024-06-01T12:00:00Z, status and bytes numbers, "-" null, host the logged $host, $http_host or $server_name, else the machine's name; raw is the line as it was. Other
// variables of the format are text in "extra". Records have no key; lines of one remote address stay in order.
//
// Not given: what was written after a copy and before the cut of a log that is rotated by copytruncate; lines in a compressed file;
// a file that got a name which no pattern finds before it was seen once.
package logs

import (
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/fault"
)

// Config is the section of freshet.yaml.
type Config struct {
	Name       string        `cfg:"name" default:"logs" help:"Name of the source, under which the positions are kept, with the instance's name. A new name reads all files again."`
	Files      []string      `cfg:"files" help:"Files to follow, as patterns (*, ?, […]); relative ones to the warehouse directory. Compressed files are left out."`
	Format     string        `cfg:"format" default:"combined" help:"Format of the lines: combined, main, json, or the text of nginx's log_format with its $variables."`
	Topic      string        `cfg:"topic" default:"ods_nginx_access" help:"Topic that takes the lines."`
	Partitions int           `cfg:"partitions" default:"4" help:"Partitions of the topic when it is created."`
	Start      string        `cfg:"start" default:"beginning" enum:"beginning|end" help:"Where to begin in files that are there at the very first start."`
	Poll       time.Duration `cfg:"poll" default:"100ms" help:"How often files are looked at."`
	Batch      int           `cfg:"batch" default:"10000" help:"Most lines of one Kafka transaction."`
	MaxLine    config.Bytes  `cfg:"max_line" default:"256KiB" help:"Longest line; a longer one is a dead letter, cut off."`
	RotateWait time.Duration `cfg:"rotate_wait" default:"30s" help:"How long a file that was renamed or deleted is still watched: its server writes to it until it opens the new one."`
}

// Validate checks what concerns several keys.
func (c *Config) Validate() error {
	var errs []error
	if c.Name == "" || strings.Contains(c.Name, "/") {
		errs = append(errs, config.Invalid("name", "must be a name without /"))
	}
	for _, f := range c.Files {
		if _, err := filepath.Match(f, ""); err != nil || f == "" {
			errs = append(errs, config.Invalid("files", "%q is not a pattern", f))
		}
	}
	if _, err := compile(c.Format); err != nil {
		errs = append(errs, fault.WithRemedy(config.Invalid("format", "%v", err), "use combined, main, json or the text of a log_format, as '$remote_addr [$time_local] \"$request\" $status'"))
	}
	if c.Partitions <= 0 || c.Batch <= 0 {
		errs = append(errs, config.Invalid("partitions", "and batch must be above 0"))
	}
	if c.Poll < time.Millisecond {
		errs = append(errs, config.Invalid("poll", "must be at least 1ms"))
	}
	if c.MaxLine < 256 || c.MaxLine > 512<<10 {
		errs = append(errs, config.Invalid("max_line", "must be between 256 and 512KiB: a record holds it twice, and Kafka's records 1 MiB"))
	}
	return errors.Join(errs...)
}
