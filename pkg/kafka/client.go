// Package kafka is the thin edge to Kafka: configuration, client construction,
// error classification, idempotent topic creation, lag and metrics. Producing,
// consuming and transactions are franz-go's own; nothing here wraps them.
package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Config is the configuration of a connection to one cluster.
type Config struct {
	Brokers  []string `cfg:"brokers,required" default:"127.0.0.1:9092" help:"Bootstrap addresses, host:port."`
	ClientID string   `cfg:"client_id" default:"freshet" help:"Name that brokers log and quota by."`
	TLS      TLS      `cfg:"tls" help:"Encryption of broker connections."`
	SASL     SASL     `cfg:"sasl" help:"Authentication."`
}

// TLS configures encryption.
type TLS struct {
	Enabled    bool   `cfg:"enabled" help:"Connect by TLS."`
	CA         string `cfg:"ca" help:"PEM file of the authorities to trust; default the system's."`
	Cert       string `cfg:"cert" help:"PEM file of the client certificate."`
	Key        string `cfg:"key" help:"PEM file of the client key."`
	ServerName string `cfg:"server_name" help:"Name to verify instead of the broker's host."`
}

// SASL configures authentication.
type SASL struct {
	Mechanism string        `cfg:"mechanism" default:"none" enum:"none|plain|scram-sha-256|scram-sha-512" help:"SASL mechanism."`
	User      string        `cfg:"user" help:"User name."`
	Password  config.Secret `cfg:"password" help:"Password."`
}

// Validate checks the combination of settings without any I/O.
func (c *Config) Validate() error {
	var errs []error
	for _, b := range c.Brokers {
		if strings.Contains(b, "://") || strings.TrimSpace(b) == "" {
			errs = append(errs, config.Invalid("brokers", "%q is not host:port", b))
		}
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		errs = append(errs, config.Invalid("tls", "cert and key go together"))
	}
	if c.SASL.Mechanism != "" && c.SASL.Mechanism != "none" && (c.SASL.User == "" || c.SASL.Password == "") {
		errs = append(errs, config.Invalid("sasl", "%s needs user and password", c.SASL.Mechanism))
	}
	return fault.Join(errs...)
}

// NewClient makes a client of the cluster; opts are applied last and win. It
// does not connect: see [Ping]. Errors are of kind Config.
func NewClient(cfg Config, opts ...kgo.Opt) (*kgo.Client, error) {
	base, err := Options(cfg)
	if err != nil {
		return nil, err
	}
	cl, err := kgo.NewClient(append(base, opts...)...)
	return cl, fault.Wrap(fault.Config, err, "set up Kafka client")
}

// Options are the client options that a Config stands for, for callers that
// construct another kind of client, as [kgo.NewGroupTransactSession].
func Options(cfg Config) ([]kgo.Opt, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fault.Wrap(fault.Config, err, "Kafka configuration")
	}
	if len(cfg.Brokers) == 0 {
		return nil, fault.WithRemedy(fault.New(fault.Config, "no Kafka brokers named"), "set kafka.brokers")
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(cfg.Brokers...),
		kgo.DialTimeout(5 * time.Second),
		// A restarted broker must be found again in about a second, not in the
		// default five.
		kgo.MetadataMinAge(500 * time.Millisecond),
		kgo.RetryBackoffFn(func(n int) time.Duration {
			return min(50*time.Millisecond<<min(n, 6), time.Second)
		}),
	}
	if cfg.ClientID != "" {
		opts = append(opts, kgo.ClientID(cfg.ClientID))
	}
	if cfg.TLS.Enabled {
		t, err := tlsConfig(cfg.TLS)
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.DialTLSConfig(t))
	}
	switch user, pass := cfg.SASL.User, cfg.SASL.Password.Reveal(); cfg.SASL.Mechanism {
	case "", "none":
	case "plain":
		opts = append(opts, kgo.SASL(plain.Auth{User: user, Pass: pass}.AsMechanism()))
	case "scram-sha-256":
		opts = append(opts, kgo.SASL(scram.Auth{User: user, Pass: pass}.AsSha256Mechanism()))
	case "scram-sha-512":
		opts = append(opts, kgo.SASL(scram.Auth{User: user, Pass: pass}.AsSha512Mechanism()))
	default:
		return nil, fault.Newf(fault.Config, "unknown SASL mechanism %q", cfg.SASL.Mechanism)
	}
	return opts, nil
}

func tlsConfig(c TLS) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fault.Wrap(fault.Config, err, "read authorities for Kafka")
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fault.Newf(fault.Config, "%s holds no PEM certificate", c.CA)
		}
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fault.Wrap(fault.Config, err, "read client certificate for Kafka")
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// Ping returns nil when a broker answers, else a classified error.
func Ping(ctx context.Context, cl *kgo.Client) error {
	return Classify(cl.Ping(ctx), "reach Kafka")
}

// Logger sends the client's own log to log, one level lower than it says:
// what it calls information is detail to us.
func Logger(log *slog.Logger) kgo.Opt {
	return kgo.WithLogger(logger{log})
}

type logger struct{ log *slog.Logger }

func (l logger) Level() kgo.LogLevel {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelWarn
}

func (l logger) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	to := slog.LevelDebug
	switch level {
	case kgo.LogLevelError:
		to = slog.LevelWarn
	case kgo.LogLevelWarn:
		to = slog.LevelInfo
	}
	l.log.Log(context.Background(), to, "kafka: "+msg, keyvals...)
}

var (
	_ config.Validator = (*Config)(nil)
	_ kgo.Logger       = logger{}
)
