package screen

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/freshet-dw/freshet/pkg/hbase"
	"github.com/tsuna/gohbase"
)

// uvPoller reads visitors by day.
type uvPoller struct {
	cfg  hbase.Config
	zone *time.Location
	hb   *hbase.Client // nil until HBase has answered once
}

// HBase polls uv_index: row key the date, f:UV a long in eight bytes.
func HBase(cfg hbase.Config, zone *time.Location) Poller { return &uvPoller{cfg: cfg, zone: zone} }

func (*uvPoller) Store() string                 { return "hbase" }
func (*uvPoller) Fail(s *Snapshot, what Source) { s.UV.Source = what }

func (p *uvPoller) Close() error {
	if p.hb == nil {
		return nil
	}
	return p.hb.Close()
}

func (p *uvPoller) client(ctx context.Context) (*hbase.Client, error) {
	if p.hb == nil {
		hb, err := hbase.Open(ctx, p.cfg)
		if err != nil {
			return nil, err
		}
		p.hb = hb
	}
	return p.hb, nil
}

func (p *uvPoller) Poll(ctx context.Context, now time.Time) (func(*Snapshot), error) {
	hb, err := p.client(ctx)
	if err != nil {
		return nil, err
	}
	today := day(now, p.zone)
	name := today.Format(time.DateOnly)
	var uv UV
	start, stop := today.AddDate(0, 0, -13).Format(time.DateOnly), today.AddDate(0, 0, 1).Format(time.DateOnly)
	err = hb.Scan(ctx, "uv_index", []byte(start), []byte(stop), func(r hbase.Row) error {
		v, ok := r.Value("f", "UV")
		if !ok || len(v) != 8 {
			return nil
		}
		d := Day{Date: string(r.Key), UV: int64(binary.BigEndian.Uint64(v))}
		if d.Date == name {
			uv.Today = d.UV
		}
		uv.Days = append(uv.Days, d)
		return nil
	})
	if err != nil && !errors.Is(err, gohbase.TableNotFound) { // no job has written yet
		return nil, err
	}
	return func(s *Snapshot) { s.UV = uv }, nil
}
