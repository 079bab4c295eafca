package clickhouse

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/ClickHouse/ch-go"
	chgo "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// Code returns the server's error code (60 is UNKNOWN_TABLE), or 0 when err is not the server's.
func Code(err error) int {
	var q *chgo.Exception
	if errors.As(err, &q) {
		return int(q.Code)
	}
	var i *ch.Exception
	if errors.As(err, &i) {
		return int(i.Code)
	}
	return 0
}

// kinds of the server's error codes; a code not named here is permanent.
var kinds = map[int]fault.Kind{
	// The server is busy or lacks something for now.
	159: fault.Transient, // TIMEOUT_EXCEEDED
	202: fault.Transient, // TOO_MANY_SIMULTANEOUS_QUERIES
	203: fault.Transient, // NO_FREE_CONNECTION
	209: fault.Transient, // SOCKET_TIMEOUT
	236: fault.Transient, // ABORTED: the server is stopping
	241: fault.Transient, // MEMORY_LIMIT_EXCEEDED: of the server, mostly
	252: fault.Transient, // TOO_MANY_PARTS: merges lag behind
	319: fault.Transient, // UNKNOWN_STATUS_OF_INSERT: the token makes a repeat safe
	439: fault.Transient, // CANNOT_SCHEDULE_TASK
	473: fault.Transient, // DEADLOCK_AVOIDED
	745: fault.Transient, // SERVER_OVERLOADED
	// Something that the server depends on is away.
	198: fault.Unavailable, // DNS_ERROR
	210: fault.Unavailable, // NETWORK_ERROR; the embedded server restarts
	225: fault.Unavailable, // NO_ZOOKEEPER
	242: fault.Unavailable, // TABLE_IS_READ_ONLY: lost its keeper session
	279: fault.Unavailable, // ALL_CONNECTION_TRIES_FAILED
	285: fault.Unavailable, // TOO_FEW_LIVE_REPLICAS
	286: fault.Unavailable, // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
	999: fault.Unavailable, // KEEPER_EXCEPTION
	// The rows are bad, the table is good.
	6:   fault.Data, // CANNOT_PARSE_TEXT
	27:  fault.Data, // CANNOT_PARSE_INPUT_ASSERTION_FAILED
	41:  fault.Data, // CANNOT_PARSE_DATETIME
	69:  fault.Data, // ARGUMENT_OUT_OF_BOUND
	131: fault.Data, // TOO_LARGE_STRING_SIZE
	349: fault.Data, // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
	469: fault.Data, // VIOLATED_CONSTRAINT
	// The address or the account is wrong.
	192: fault.Config, // UNKNOWN_USER
	193: fault.Config, // WRONG_PASSWORD
	516: fault.Config, // AUTHENTICATION_FAILED
	394: fault.Canceled,
}

// classify gives err its fault.Kind by the server's code or the network error's type.
func classify(err error) fault.Kind {
	var known *fault.Error
	if errors.As(err, &known) {
		return fault.KindOf(err)
	}
	if code := Code(err); code != 0 {
		if k, ok := kinds[code]; ok {
			return k
		}
		return fault.Permanent
	}
	var netErr net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return fault.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return fault.Transient
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, ch.ErrClosed), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, chgo.ErrAcquireConnTimeout), errors.As(err, &netErr):
		return fault.Unavailable
	}
	return fault.Permanent
}

func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fault.Wrap(classify(err), err, format, args...)
}
