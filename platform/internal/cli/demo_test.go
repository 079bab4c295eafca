package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/service"
	"github.com/freshet-dw/freshet/platform/embed"
	"github.com/freshet-dw/freshet/platform/internal/screen"
)

func TestDemoFlags(t *testing.T) {
	o, err := demoFlags([]string{"-C", "../../../deploy/shop", "-ports", "auto", "-kafka-port", "19999", "-data", "d", "-seed", "7"})
	if err != nil {
		t.Fatal(err)
	}
	if o.stack.Ports != (embed.Ports{Kafka: 19999}) || !o.freePorts {
		t.Errorf("auto must free all ports but those that were given: %+v", o.stack.Ports)
	}
	if !filepath.IsAbs(o.stack.Dir) || !filepath.IsAbs(o.dir) || o.shop.Seed != 7 || o.shop.OrdersPerSecond != 20 || o.shop.ViewsPerSecond != 500 || !o.simulate {
		t.Errorf("options %+v", o)
	}
	// Without -C the warehouse is found above the working directory.
	if o, err = demoFlags(nil); err != nil || filepath.Base(o.dir) != "shop" || o.stack.Ports != embed.DefaultPorts() {
		t.Errorf("defaults: %+v %v", o, err)
	}
	for _, args := range [][]string{{"-ports", "some"}, {"-C", t.TempDir()}, {"-orders-per-second", "0", "-views-per-second", "0"}, {"extra"}} {
		if _, err := demoFlags(args); fault.KindOf(err) != fault.Config {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestFindShop(t *testing.T) {
	root := t.TempDir()
	shop, deep := filepath.Join(root, "deploy", "shop"), filepath.Join(root, "a", "b")
	if err := errors.Join(os.MkdirAll(shop, 0o755), os.MkdirAll(deep, 0o755), os.WriteFile(filepath.Join(shop, "freshet.yaml"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	if got := findShop(t.TempDir(), deep); got != shop {
		t.Errorf("found %q", got)
	}
	if got := findShop(t.TempDir()); got != "" {
		t.Errorf("found %q where there is none", got)
	}
}

func TestPlace(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	s := &settings{}
	s.Platform.Listen = taken.Addr().String()
	if err := s.place(t.Context(), false); fault.KindOf(err) != fault.Config || !strings.Contains(fault.RemedyOf(err), "-set platform.listen=") {
		t.Errorf("a taken port must be found before anything starts: %v", err)
	}
	s.ODS.Collect.Listen, s.Admin = "127.0.0.1:1", ""
	if err := s.place(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if s.Admin != "" || s.Platform.Listen == taken.Addr().String() || s.Platform.Listen == s.ODS.Collect.Listen || strings.HasSuffix(s.Platform.Listen, ":0") {
		t.Errorf("places %q %q %q", s.Platform.Listen, s.ODS.Collect.Listen, s.Admin)
	}
}

func TestAddresses(t *testing.T) {
	s := &settings{}
	s.Kafka.Brokers, s.MySQL.Addr = []string{"k:1", "k:2"}, "m:3306"
	s.Platform.Listen, s.ODS.Collect.Listen = "0.0.0.0:8080", "[::1]:8088"
	s.on(&embed.Stack{}, "/data")
	a := s.addresses(&embed.Stack{}, "/w", "/data/freshet.log")
	if a.Kafka != "k:1,k:2" || a.MySQL != "m:3306" {
		t.Errorf("a store that is not embedded must keep its address: %+v", a)
	}
	if a.Page != "http://127.0.0.1:8080" || a.Collector != "http://[::1]:8088" || a.Admin != "" || a.NginxLog != "/data/nginx/access.log" || a.Lake != "/data/lake" {
		t.Errorf("addresses %+v", a)
	}
	file := filepath.Join(t.TempDir(), "a.json")
	if err := writeAddresses(file, a); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	var back addresses
	if err != nil || json.Unmarshal(text, &back) != nil || back != a {
		t.Errorf("written %s: %v", text, err)
	}
}

func TestDisplay(t *testing.T) {
	var out bytes.Buffer
	d := newDisplay(&out)
	d.store("kafka", "starting")
	d.store("kafka", "ready")
	if d.target(service.Event{Module: "dwd", State: service.Ready, Elapsed: 1200 * time.Millisecond}) || !d.target(service.Event{Module: service.All, State: service.Ready}) {
		t.Error("all must be ready with the group only")
	}
	var logged bytes.Buffer
	log := d.tee(slog.New(slog.NewTextHandler(&logged, nil))).With("job", "dwd-x")
	log.Info("detail")
	for range 3 {
		log.Error("job stopped for good", "err", "boom\nstack")
	}
	n := &screen.Snapshot{}
	n.GMV.Today, n.UV.Today, n.Road.Lag = "1234.50", 77, 9
	n.GMV.Source.OK, n.UV.Source.OK, n.Top.Source.OK, n.Trade.Source.OK = true, true, true, true
	n.Road.Source.Store = "kafka"
	n.Road.Layers = []screen.Layer{{Name: "ods", Known: true, Rate: 1500, DelayMS: 120}, {Name: "dwd", Known: true, Idle: true}}
	d.figures(n, 20, 500)
	text := out.String()
	for _, want := range []string{"kafka                    ready in 0.0s\n", "dwd                      ready in 1.2s\n", "! job stopped for good  job=dwd-x  err=boom …\n", "1.5k", " 0.1s    idle       –", "1234.50         77", "kafka n/a\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if strings.Count(text, "stopped for good") != 1 || strings.Contains(text, "detail") || strings.Count(logged.String(), "stopped for good") != 3 {
		t.Errorf("errors show once and are logged always:\n%s\n%s", text, &logged)
	}
}

func TestReferencePages(t *testing.T) {
	var out bytes.Buffer
	dir := t.TempDir()
	if status := Main(t.Context(), Env{Stdout: &out, Stderr: &out}, Commands(), []string{"docs", "--out", dir}); status != 0 {
		t.Fatal(&out)
	}
	for name, want := range map[string]string{"cli.md": "## freshet demo", "configuration.md": "platform", "functions.md": "`UPPER(string)`"} {
		now, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(now), want) || strings.Contains(string(now), "clickhouse-server") {
			t.Errorf("%s: %v\n%s", name, err, now)
		}
	}
}
