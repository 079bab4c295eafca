package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
)

type kafkaSection struct {
	Brokers  []string      `cfg:"brokers,required" flag:"brokers" help:"Bootstrap addresses."`
	Linger   time.Duration `cfg:"linger" default:"5ms" help:"How long a batch waits."`
	Acks     string        `cfg:"acks" default:"all" enum:"all|leader|none" help:"Acknowledgements."`
	MaxBatch Bytes         `cfg:"max_batch" default:"1MiB" help:"Largest batch."`
	User     string        `cfg:"user"`
	Password Secret        `cfg:"password" help:"SASL password."`
}

func (k *kafkaSection) Validate() error {
	var errs []error
	if k.User != "" && k.Password == "" {
		errs = append(errs, Invalid("user", "needs a password too"))
	}
	if k.Linger > time.Minute {
		errs = append(errs, errors.New("linger plus patience exceed a minute"))
	}
	return errors.Join(errs...)
}

type table struct {
	Name string   `cfg:"name,required"`
	Keys []string `cfg:"keys" default:"id"`
}

type common struct {
	Debug bool `cfg:"debug" flag:"debug" help:"Talk more."`
}

type testConfig struct {
	common
	Kafka  kafkaSection      `cfg:"kafka" help:"The message log."`
	Tables []table           `cfg:"tables" help:"What to copy."`
	Lines  map[string]table  `cfg:"lines"`
	Labels map[string]string `cfg:"labels"`
	Ratio  float64           `cfg:"ratio" default:"0.5"`
	Port   uint16            `cfg:"port" default:"8080"`
	TLS    *struct {
		CA   string `cfg:"ca,required"`
		Mode string `cfg:"mode" default:"verify"`
	} `cfg:"tls" help:"Encryption."`
	Extra any `cfg:"extra"`
}

func load(t *testing.T, text string, env []string, args ...string) (*testConfig, error) {
	t.Helper()
	cfg := &testConfig{}
	flags := &Flags{}
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	flags.Register(fs, cfg)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	err := Load(cfg, Sources{File: "f.yaml", Text: []byte(text), Env: env, Flags: flags})
	return cfg, err
}

func TestLoad(t *testing.T) {
	cfg, err := load(t, `
base: &base {name: b, keys: [x, y]}
`, []string{"FRESHET_KAFKA_BROKERS=a:1"})
	if err == nil || !strings.Contains(err.Error(), `f.yaml:2:1: unknown key "base"`) {
		t.Fatalf("err = %v (%v)", err, cfg)
	}

	cfg, err = load(t, `
debug: yes
kafka:
  brokers: ${BROKERS:-a:1,b:2}
  linger: 0d12s
  max_batch: 2.5 KB
  user: "$${literal}"
  password: ${PASS}
tables:
  - &t {name: orders}
  - <<: *t
    keys: [k1, k2]
lines:
  web: {name: w}
labels: {env: prod, "a.b": "${PASS}"}
port: 0x50
tls:
  ca: /ca.pem
extra: {n: [1, two]}
ratio: ~
`, []string{"PASS=s3cret", "HOME=/x", "FRESHET_RATIO="})
	if err != nil {
		t.Fatal(err)
	}
	k := cfg.Kafka
	if fmt.Sprint(k.Brokers) != "[a:1 b:2]" || k.Linger != 12*time.Second || k.MaxBatch != 2500 || k.User != "${literal}" || k.Password.Reveal() != "s3cret" || k.Acks != "all" {
		t.Errorf("kafka = %+v", k)
	}
	if !cfg.Debug || cfg.Port != 80 || cfg.Ratio != 0.5 || cfg.TLS.CA != "/ca.pem" || cfg.TLS.Mode != "verify" || cfg.Labels["a.b"] != "s3cret" {
		t.Errorf("cfg = %+v", cfg)
	}
	want := []table{{"orders", []string{"id"}}, {"orders", []string{"k1", "k2"}}}
	if !reflect.DeepEqual(cfg.Tables, want) || cfg.Lines["web"].Keys[0] != "id" {
		t.Errorf("tables = %+v lines = %+v", cfg.Tables, cfg.Lines)
	}
	if fmt.Sprint(cfg.Extra) != "map[n:[1 two]]" {
		t.Errorf("extra = %v", cfg.Extra)
	}
}

func TestPrecedence(t *testing.T) {
	text := "kafka: {brokers: [file], acks: leader, linger: 1s}\ntables: [{name: a}]"
	cfg, err := load(t, text, []string{"FRESHET_KAFKA_BROKERS=e1, e2", "FRESHET_KAFKA_ACKS=none", "FRESHET_LABELS=a=1,b=2"},
		"-brokers", "flag", "-debug", "-set", "tables.0.keys=[q]", "-set", "tables.1={name: z}", "-set", "labels.x.y=3", "-set", "tls.ca=c", "-set", "lines.m.name=n")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(fmt.Sprintln(cfg.Kafka.Brokers, cfg.Kafka.Acks, cfg.Kafka.Linger, cfg.Debug, cfg.Tables, cfg.TLS.CA, cfg.Lines)); got != "[flag] none 1s true [{a [q]} {z [id]}] c map[m:{n [id]}]" {
		t.Errorf("got %s", got)
	}
	// A path below a whole-map override replaces it: the map was text until then.
	if fmt.Sprint(cfg.Labels) != "map[x.y:3]" {
		t.Errorf("labels %v", cfg.Labels)
	}
}

func TestAllErrorsAtOnce(t *testing.T) {
	text := `kafka:
  borkers: [x]
  linger: soon
  acks: al
  password: [a]
  max_batch: 12 parsecs
tables:
  - keys: [a]
  - name: ${NOPE}
    name: twice
labels: text
ratio: 1.5.2
port: 70000
tls: {mode: x}
`
	_, err := load(t, text, []string{"FRESHET_KAFKA_LINGR=1s", "FRESHET_SOMETHING_ELSE=1", "FRESHET_DEBUG=maybe"}, "-set", "kafka.linge=1", "-set", "tables.9.name=x", "-set", "port.x=1")
	if fault.KindOf(err) != fault.Config {
		t.Fatalf("kind %v", fault.KindOf(err))
	}
	got := fault.Render(err, text)
	want, rerr := os.ReadFile(filepath.Join("testdata", "errors.txt"))
	if os.Getenv("REWRITE") != "" {
		rerr = os.WriteFile(filepath.Join("testdata", "errors.txt"), []byte(got), 0o644)
		want = []byte(got)
	}
	if rerr != nil || got != string(want) {
		t.Errorf("err %v\ngot:\n%s\nwant:\n%s", rerr, got, want)
	}
}

func TestValidators(t *testing.T) {
	_, err := load(t, "kafka:\n  brokers: [a]\n  user: me\n  linger: 2m\n", nil)
	want := "f.yaml:3:9: kafka.user: needs a password too\nf.yaml:2:3: kafka: linger plus patience exceed a minute"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	_, err = load(t, "", []string{"FRESHET_KAFKA_BROKERS=a", "FRESHET_KAFKA_USER=me"})
	if err == nil || err.Error() != "environment FRESHET_KAFKA_USER: kafka.user: needs a password too" {
		t.Errorf("got %v", err)
	}
}

func TestFileProblems(t *testing.T) {
	_, err := load(t, "kafka:\n  brokers: [a\nport: 1", nil)
	if p, ok := fault.PosOf(err); !ok || p.Line == 0 || !strings.Contains(err.Error(), "not YAML") {
		t.Errorf("syntax: %v", err)
	}
	missing := filepath.Join(t.TempDir(), "no.yaml")
	var cfg struct {
		A int `cfg:"a" default:"3"`
	}
	if err := Load(&cfg, Sources{File: missing}); fault.RemedyOf(err) == "" {
		t.Errorf("missing file: %v", err)
	}
	if err := Load(&cfg, Sources{File: missing, Optional: true}); err != nil || cfg.A != 3 {
		t.Errorf("optional file: %v %v", err, cfg)
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	if _, err := load(t, bomb, nil); err == nil || !strings.Contains(err.Error(), "too many values") {
		t.Error("alias bomb was expanded")
	}
}

func TestSecretsNeverShow(t *testing.T) {
	var cfg struct {
		Password Secret `cfg:"password"`
		Token    string `cfg:"token,secret"`
		Pin      int    `cfg:"pin,secret"`
	}
	err := Load(&cfg, Sources{Text: []byte("password: hunter2\ntoken: hunter2\npin: hunter2"), File: "f"})
	if err == nil {
		t.Fatal("pin must not parse")
	}
	all := fmt.Sprint(err) + Dump(&cfg) + fmt.Sprintf("%v %s %+v %#v %q", cfg.Password, cfg.Password, cfg.Password, cfg.Password, cfg.Password) + Reference(&cfg)
	if strings.Contains(all, "hunter2") || !strings.Contains(all, Mask) {
		t.Errorf("secret shows in %s", all)
	}
	if cfg.Password.Reveal() != "hunter2" {
		t.Error("secret lost")
	}
}

func TestDumpLoadsBack(t *testing.T) {
	first, err := load(t, "kafka: {brokers: [a, b], user: '${X:-}', linger: 30s}\ntables: [{name: '007', keys: []}, {name: '$${x}'}]\nlines: {q: {name: r}}\nextra: [1, {a: b}]\ntls: {ca: z}", nil)
	if err != nil {
		t.Fatal(err)
	}
	dump := Dump(first)
	second, err := load(t, dump, nil)
	if err != nil {
		t.Fatalf("%v in\n%s", err, dump)
	}
	if again := Dump(second); again != dump {
		t.Errorf("first:\n%s\nsecond:\n%s", dump, again)
	}
	if second.Tables[0].Name != "007" || second.Tables[1].Name != "${x}" {
		t.Errorf("tables %+v", second.Tables)
	}
}

func TestReferenceGolden(t *testing.T) {
	got := Reference(&testConfig{})
	file := filepath.Join("testdata", "reference.md")
	if os.Getenv("REWRITE") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || got != string(want) {
		t.Errorf("err %v\n%s", err, got)
	}
}

func TestDeclarationMistakes(t *testing.T) {
	var loop struct {
		A string `cfg:"a_b"`
		B struct {
			C string `cfg:"b"`
		} `cfg:"a"`
		D int       `cfg:"d" default:"x"`
		E chan int  `cfg:"e"`
		F time.Time `cfg:"f"`
		G int       `cfg:"d"`
	}
	err := Load(&loop, Sources{})
	for _, part := range []string{"share the variable FRESHET_A_B", `default "x"`, "chan int cannot be configured", "declared twice"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("no %q in %v", part, err)
		}
	}
	if fault.KindOf(Load(loop, Sources{})) != fault.Internal {
		t.Error("a struct value was accepted")
	}
}

func TestParseBytesAndDuration(t *testing.T) {
	for in, want := range map[string]Bytes{"0": 0, "4096": 4096, "64MiB": 64 << 20, "64M": 64 << 20, "1 kb": 1000, "1.5GiB": 3 << 29, "7B": 7} {
		if got, err := ParseBytes(in); err != nil || got != want {
			t.Errorf("%s = %d, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "MiB", "-1", "1e30", "9999999PiB", "NaN", "1XB"} {
		if got, err := ParseBytes(in); err == nil {
			t.Errorf("%q = %d without error", in, got)
		}
	}
	if s := Bytes(3 << 20).String(); s != "3MiB" {
		t.Error(s)
	}
	for in, want := range map[string]time.Duration{"7d": 168 * time.Hour, "1d1m": 24*time.Hour + time.Minute, "5ms": 5 * time.Millisecond} {
		if got, err := ParseDuration(in); err != nil || got != want {
			t.Errorf("%s = %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "5", "d", "999999999d", "1d2"} {
		if got, err := ParseDuration(in); err == nil {
			t.Errorf("%q = %v without error", in, got)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("kafka: {brokers: [a]}\ntables: [{name: x}]", "port=1")
	f.Add("a: &a [*a]", "tables.0={")
	f.Add("<<: {kafka: 1}", "labels.a=b")
	f.Fuzz(func(t *testing.T, text, set string) {
		flags := &Flags{}
		_ = flags.Set(set)
		cfg := &testConfig{}
		if Load(cfg, Sources{Text: []byte(text), Flags: flags}) == nil {
			if err := Load(&testConfig{}, Sources{Text: []byte(Dump(cfg))}); err != nil && cfg.Kafka.Password == "" {
				t.Fatalf("dump does not load: %v\n%s", err, Dump(cfg))
			}
		}
	})
}
