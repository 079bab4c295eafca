package hbase

import (
	"errors"
	"fmt"
)

// exception is an error with the Java class by which HBase clients classify it.
type exception struct {
	class string
	msg   string
}

func (e *exception) Error() string { return e.class + ": " + e.msg }

// Classes a client reacts to; gohbase looks the retryable ones up by name.
const (
	classNotServing      = "org.apache.hadoop.hbase.NotServingRegionException"
	classWrongRegion     = "org.apache.hadoop.hbase.regionserver.WrongRegionException"
	classNoFamily        = "org.apache.hadoop.hbase.regionserver.NoSuchColumnFamilyException"
	classUnknownScanner  = "org.apache.hadoop.hbase.UnknownScannerException"
	classOutOfOrder      = "org.apache.hadoop.hbase.exceptions.OutOfOrderScannerNextException"
	classDoNotRetry      = "org.apache.hadoop.hbase.DoNotRetryIOException"
	classIllegalArgument = "java.lang.IllegalArgumentException"
	classIO              = "java.io.IOException"
	classUnsupported     = "java.lang.UnsupportedOperationException"
	classTableExists     = "org.apache.hadoop.hbase.TableExistsException"
	classTableNotFound   = "org.apache.hadoop.hbase.TableNotFoundException"
	classTableEnabled    = "org.apache.hadoop.hbase.TableNotDisabledException"
	classTableDisabled   = "org.apache.hadoop.hbase.TableNotEnabledException"
	classUnknownRegion   = "org.apache.hadoop.hbase.UnknownRegionException"
	classSnapshotExists  = "org.apache.hadoop.hbase.snapshot.SnapshotExistsException"
	classNoSnapshot      = "org.apache.hadoop.hbase.snapshot.SnapshotDoesNotExistException"
	classUnknownSnapshot = "org.apache.hadoop.hbase.snapshot.UnknownSnapshotException"
	classNoNamespace     = "org.apache.hadoop.hbase.NamespaceNotFoundException"
	classNoCodec         = "org.apache.hadoop.hbase.ipc.UnsupportedCellCodecException"
	classNoCompression   = "org.apache.hadoop.hbase.ipc.UnsupportedCompressionCodecException"
	classServerStopped   = "org.apache.hadoop.hbase.regionserver.RegionServerStoppedException"
)

func throwf(class, format string, args ...any) error {
	return &exception{class: class, msg: fmt.Sprintf(format, args...)}
}

// asException names the class of any error; what is not an exception is an I/O failure.
func asException(err error) *exception {
	if e, ok := errors.AsType[*exception](err); ok {
		return e
	}
	return &exception{class: classIO, msg: err.Error()}
}
