package hbase

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/tsuna/gohbase"
	"github.com/tsuna/gohbase/region"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// TestClassify holds samples of the driver's errors as it words them.
func TestClassify(t *testing.T) {
	java := func(class string) error {
		return fmt.Errorf("HBase Java exception %s:\n%s: message\n\tat a.b.C", class, class)
	}
	for _, c := range []struct {
		err   error
		kind  fault.Kind
		class string
	}{
		{context.Canceled, fault.Canceled, ""},
		{context.DeadlineExceeded, fault.Unavailable, ""},
		{gohbase.ErrClientClosed, fault.Canceled, ""},
		{gohbase.ErrCannotFindRegion, fault.Unavailable, ""},
		{gohbase.TableNotFound, fault.Permanent, ""},
		{gohbase.NotExecutedError, fault.Transient, ""},
		{region.ErrClientClosed, fault.Unavailable, ""},
		{java("java.io.IOException"), fault.Transient, "java.io.IOException"},
		{java("org.apache.hadoop.hbase.CallTimeoutException"), fault.Transient, "org.apache.hadoop.hbase.CallTimeoutException"},
		{java("org.apache.hadoop.hbase.DoNotRetryIOException"), fault.Permanent, "org.apache.hadoop.hbase.DoNotRetryIOException"},
		{errors.New("procedure exception: org.apache.hadoop.hbase.TableExistsException: t"), fault.Permanent, "org.apache.hadoop.hbase.TableExistsException"},
	} {
		err := classify(c.err, "do %s", "it")
		var e *Exception
		class := ""
		if errors.As(err, &e) {
			class = e.Class
		}
		if fault.KindOf(err) != c.kind || class != c.class || !errors.Is(err, c.err) {
			t.Errorf("%v: kind %v, class %q, want %v, %q", c.err, fault.KindOf(err), class, c.kind, c.class)
		}
	}
	if classify(nil, "do it") != nil {
		t.Error("no error became one")
	}
	if got := worse(gohbase.NotExecutedError, gohbase.TableNotFound); got != gohbase.TableNotFound {
		t.Errorf("of a passing and a lasting error %v was kept", got)
	}
}
