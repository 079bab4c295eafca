// Package registry is a client of a schema registry with the REST interface of Confluent's: schemas by number, and registering
// schemas under a subject. What the registry has answered once is kept: numbers never change their meaning.
//
// A registry that is down is waited for, as a store is: a record must not be taken for bad because its schema cannot be fetched just now.
package registry

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// Config says where the registry is and how to be let in.
type Config struct {
	URLs        []string // tried in turn
	User        string   // user:password of basic authentication
	Token       string   // bearer token
	Certs       string   // PEM file of the authorities to trust; empty: the system's
	ClientCert  string   // PEM file of certificate and key to show
	WaitForDown time.Duration
}

// Client is safe for concurrent use.
type Client struct {
	cfg  Config
	http *http.Client

	mu        sync.Mutex
	byID      map[int]string
	bySubject map[[2]string]int
}

// New makes a client. It reads certificate files and connects to nothing.
func New(cfg Config) (*Client, error) {
	if cfg.WaitForDown == 0 {
		cfg.WaitForDown = time.Minute
	}
	c := &Client{cfg: cfg, byID: map[int]string{}, bySubject: map[[2]string]int{}}
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.Certs != "" {
		pem, err := os.ReadFile(cfg.Certs)
		if err != nil {
			return nil, fault.Wrap(fault.Config, err, "read the registry's trusted certificates")
		}
		if t.RootCAs = x509.NewCertPool(); !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fault.WithRemedy(fault.Newf(fault.Config, "%s holds no PEM certificate", cfg.Certs), "convert a Java trust store: keytool -exportcert -rfc")
		}
	}
	if cfg.ClientCert != "" {
		pair, err := tls.LoadX509KeyPair(cfg.ClientCert, cfg.ClientCert)
		if err != nil {
			return nil, fault.WithRemedy(fault.Wrap(fault.Config, err, "read the client certificate %s", cfg.ClientCert), "it must hold certificate and key in PEM: openssl pkcs12 -nodes -in keystore.p12")
		}
		t.Certificates = []tls.Certificate{pair}
	}
	c.http = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: t, Proxy: http.ProxyFromEnvironment, IdleConnTimeout: time.Minute}}
	return c, nil
}

// Schema is the text of the Avro schema with the number. An unknown number is an error of kind fault.Data.
func (c *Client) Schema(ctx context.Context, id int) (string, error) {
	c.mu.Lock()
	s, ok := c.byID[id]
	c.mu.Unlock()
	if ok {
		return s, nil
	}
	var out struct {
		Schema     string `json:"schema"`
		Type       string `json:"schemaType"`
		References []any  `json:"references"`
	}
	if err := c.call(ctx, http.MethodGet, fmt.Sprintf("/schemas/ids/%d", id), nil, &out); err != nil {
		return "", fmt.Errorf("fetch schema %d: %w", id, err)
	}
	if out.Type != "" && out.Type != "AVRO" {
		return "", fault.Newf(fault.Data, "schema %d is of type %s, not AVRO", id, out.Type)
	}
	if len(out.References) > 0 {
		return "", fault.WithRemedy(fault.Newf(fault.Data, "schema %d refers to other schemas, which is not supported", id), "register the schema with the others' definitions in it")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byID[id] = out.Schema
	return out.Schema, nil
}

// Register registers the schema under the subject, if it is not there, and gives its number. An incompatible schema is an error of kind
// fault.Config.
func (c *Client) Register(ctx context.Context, subject, schema string) (int, error) {
	key := [2]string{subject, schema}
	c.mu.Lock()
	id, ok := c.bySubject[key]
	c.mu.Unlock()
	if ok {
		return id, nil
	}
	in, err := json.Marshal(map[string]string{"schema": schema})
	if err != nil {
		return 0, err
	}
	var out struct {
		ID int `json:"id"`
	}
	if err := c.call(ctx, http.MethodPost, "/subjects/"+url.PathEscape(subject)+"/versions", in, &out); err != nil {
		return 0, fmt.Errorf("register the schema under %s: %w", subject, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bySubject[key] = out.ID
	return out.ID, nil
}

// call sends a request to the registries in turn, and again with pauses while all are down.
func (c *Client) call(ctx context.Context, method, path string, in []byte, out any) error {
	deadline := time.Now().Add(c.cfg.WaitForDown)
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		var err error
		for _, u := range c.cfg.URLs {
			if err = c.once(ctx, method, strings.TrimSuffix(u, "/")+path, in, out); !fault.KindOf(err).Retryable() {
				return err
			}
		}
		if time.Now().Add(pause).After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (c *Client) once(ctx context.Context, method, address string, in []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(in))
	if err != nil {
		return fault.Wrap(fault.Config, err, "schema registry")
	}
	req.Header.Set("Accept", "application/vnd.schemaregistry.v1+json, application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	}
	if user, password, ok := strings.Cut(c.cfg.User, ":"); ok {
		req.SetBasicAuth(user, password)
	}
	if c.cfg.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fault.Wrap(fault.Unavailable, err, "schema registry")
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return fault.Wrap(fault.Transient, err, "schema registry: read the answer")
	}
	if res.StatusCode/100 == 2 {
		if err := json.Unmarshal(body, out); err != nil {
			return fault.Wrap(fault.Permanent, err, "schema registry: %s does not answer as a registry does", address)
		}
		return nil
	}
	var said struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &said) != nil || said.Message == "" {
		said.Message = res.Status
	}
	why := errors.New(said.Message)
	switch {
	case res.StatusCode == http.StatusTooManyRequests:
		return fault.Wrap(fault.Transient, why, "schema registry")
	case res.StatusCode/100 == 5:
		return fault.Wrap(fault.Unavailable, why, "schema registry")
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
		return fault.WithRemedy(fault.Wrap(fault.Permanent, why, "schema registry"), "set 'basic-auth.user-info' = 'user:password' or 'bearer-auth.token' of the format")
	case res.StatusCode == http.StatusNotFound && method == http.MethodGet:
		return fault.Wrap(fault.Data, why, "schema registry")
	}
	return fault.Wrap(fault.Config, why, "schema registry") // 409: incompatible, 422: invalid
}
