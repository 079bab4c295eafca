// Package oracle asks Apache Flink what the answer to a case of sqlcase is, and compares.
//
// The program in flink/ (Java 17, built by Maven) keeps one MiniCluster of Flink 1.20 up and runs each case in a table environment of its own, in streaming
// and in batch mode, at parallelism 1 and without mini-batches. Tables with 'connector' = 'values' and 'collect' mean there what they mean in sqlcase; rows and
// watermarks come in the order of sqlcase's straight run, so that a row is late on both sides or on none.
//
// It compares the table that is left with the sections out and batch, the changelog with the section log, and that a case with the section error
// fails; Flink's words for an error are not compared. A change log that differs only because Freshet commits the net changes of an epoch counts
// as equal. Flink reads only inserts in batch mode: cases with other input are compared in streaming mode alone.
//
// Nothing here needs Java but [Start]; the cases run on Flink by the test of the build tag oracle, `make oracle`.
package oracle

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"time"

	"github.com/freshet-dw/freshet/pkg/testkit/sqlcase"
)

// Answer is what Flink made of a case.
type Answer struct {
	Log []Row
	// Types are the names and types of the columns of the case's query.
	Types []string
	Plan  string
	Error string
	// Phase is when Error came: "plan" or "run".
	Phase string
}

// Row is a change that came to a sink.
type Row struct {
	Table string
	Kind  string // +I, -U, +U, -D
	Text  string // [a, 1], as batch.RowString prints it
	Key   string // the text of the key's columns; empty if the sink is no upsert sink
	Turn  int    // the row of the input, or the part between barriers, that caused it
}

// Client is a connection to a running oracle; it may be used by one goroutine at a time.
type Client struct {
	conn net.Conn
	in   *bufio.Reader
}

// Dial connects.
func Dial(address string) (*Client, error) {
	conn, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return nil, fmt.Errorf("connect to the oracle: %w", err)
	}
	return &Client{conn: conn, in: bufio.NewReaderSize(conn, 1<<20)}, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// request is a line to the oracle; CaseRun.java says what its fields mean.
type request struct {
	SQL     string              `json:"sql"`
	Query   string              `json:"query"`
	In      map[string][]string `json:"in"`
	Batch   bool                `json:"batch"`
	Explain bool                `json:"explain"`
	Seconds int                 `json:"seconds"`
}

// caseSeconds is how long a case may run on Flink.
const caseSeconds = 20

// isBatch finds scripts that ask for batch mode themselves: Flink takes the mode only when a session begins.
var isBatch = regexp.MustCompile(`(?i)\bSET\s+'execution\.runtime-mode'\s*=\s*'batch'`)

// Batch tells whether the case is one of batch mode alone.
func Batch(k *sqlcase.Case) bool { return isBatch.MatchString(k.SQL) }

// Ask runs the case on Flink in streaming or batch mode. The error is the connection's; Flink's own is in the answer.
func (c *Client) Ask(ctx context.Context, k *sqlcase.Case, batch, explain bool) (*Answer, error) {
	line, err := json.Marshal(request{
		SQL: k.SQL, Query: k.Query, In: k.In, Batch: batch || Batch(k), Explain: explain, Seconds: caseSeconds,
	})
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Now()) })
	defer stop()
	if _, err := c.conn.Write(append(line, '\n')); err != nil {
		return nil, fmt.Errorf("ask the oracle: %w", err)
	}
	reply, err := c.in.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("read the oracle's answer: %w", err)
	}
	return parseAnswer(reply)
}

func parseAnswer(reply []byte) (*Answer, error) {
	var got struct {
		Log []struct {
			Table string            `json:"t"`
			Kind  string            `json:"k"`
			Row   []json.RawMessage `json:"v"`
			Key   []json.RawMessage `json:"key"`
			Turn  int               `json:"turn"`
		} `json:"log"`
		Types []string `json:"types"`
		Plan  string   `json:"plan"`
		Error string   `json:"error"`
		Phase string   `json:"phase"`
	}
	if err := json.Unmarshal(reply, &got); err != nil {
		return nil, fmt.Errorf("the oracle's answer: %w", err)
	}
	a := &Answer{Types: got.Types, Plan: got.Plan, Error: got.Error, Phase: got.Phase}
	for _, r := range got.Log {
		row := Row{Table: r.Table, Kind: r.Kind, Turn: r.Turn}
		var err error
		if row.Text, err = list(r.Row); err != nil {
			return nil, err
		}
		if len(r.Key) > 0 {
			if row.Key, err = list(r.Key); err != nil {
				return nil, err
			}
		}
		a.Log = append(a.Log, row)
	}
	return a, nil
}
