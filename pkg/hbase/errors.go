package hbase

import (
	"context"
	"errors"
	"strings"

	"github.com/tsuna/gohbase"
	"github.com/tsuna/gohbase/region"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// Exception is an error that the server answered with.
type Exception struct {
	// Class is the Java class, such as org.apache.hadoop.hbase.TableExistsException.
	Class string
	cause error
}

func (e *Exception) Error() string { return e.cause.Error() }
func (e *Exception) Unwrap() error { return e.cause }

const (
	classTableExists   = "org.apache.hadoop.hbase.TableExistsException"
	classTableNotFound = "org.apache.hadoop.hbase.TableNotFoundException"
	classNoFamily      = "org.apache.hadoop.hbase.regionserver.NoSuchColumnFamilyException"
)

// exceptionClass reads the class out of the driver's error. The driver has no type for
// it; it writes one of these two fixed prefixes before the class.
func exceptionClass(err error) string {
	for _, prefix := range []string{"HBase Java exception ", "procedure exception: "} {
		if _, rest, ok := strings.Cut(err.Error(), prefix); ok {
			class, _, _ := strings.Cut(rest, ":")
			return class
		}
	}
	return ""
}

// hasClass also looks into the message: a failed procedure may name the class there.
func hasClass(err error, class string) bool {
	return err != nil && (exceptionClass(err) == class || strings.Contains(err.Error(), class))
}

// classify gives an error of the driver its kind and the deed it happened in.
func classify(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	class := exceptionClass(err)
	if class != "" {
		err = &Exception{Class: class, cause: err}
	}
	return fault.Wrap(kindOf(err, class), err, format, args...)
}

func kindOf(err error, class string) fault.Kind {
	var (
		retryable  region.RetryableError
		notServing region.NotServingRegionError
		server     region.ServerError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return fault.Canceled
	case errors.Is(err, gohbase.ErrClientClosed):
		return fault.Canceled
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, gohbase.ErrCannotFindRegion), errors.As(err, &server):
		// The driver retries connections until the deadline: the server is not there.
		return fault.Unavailable
	case errors.As(err, &retryable), errors.As(err, &notServing), errors.Is(err, gohbase.NotExecutedError):
		return fault.Transient
	case class == "java.io.IOException", strings.HasSuffix(class, ".CallTimeoutException"):
		return fault.Transient
	default:
		// A missing table or family, a row that is too long, a refused request.
		return fault.Permanent
	}
}
