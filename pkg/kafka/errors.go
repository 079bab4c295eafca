package kafka

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Classify gives err its fault kind and puts the deed before it. Errors that
// have a kind keep it. Nil stays nil.
func Classify(err error, deed string, args ...any) error {
	if err == nil {
		return nil
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return fault.Wrap(fault.None, err, deed, args...)
	}
	kind, remedy := classify(err)
	err = fault.Wrap(kind, err, deed, args...)
	if remedy != "" {
		err = fault.WithRemedy(err, remedy)
	}
	return err
}

func classify(err error) (fault.Kind, string) {
	var loss *kgo.ErrDataLoss
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, kgo.ErrClientClosed):
		return fault.Canceled, ""
	case errors.As(err, &loss):
		return fault.Permanent, "the log lost records that were committed; check the topic, then reset the group's offsets"
	case errors.Is(err, kgo.ErrAborting):
		// Our own abort of buffered records: the epoch is repeated.
		return fault.Transient, ""
	case errors.Is(err, kgo.ErrRecordTimeout), errors.Is(err, kgo.ErrRecordRetries):
		return fault.Unavailable, ""
	}
	var ke *kerr.Error
	if errors.As(err, &ke) {
		return classifyCode(ke)
	}
	if errors.Is(err, context.DeadlineExceeded) { // which is a net.Error too
		return fault.Transient, ""
	}
	var ne net.Error
	if errors.As(err, &ne) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || kgo.IsRetryableBrokerErr(err) {
		return fault.Unavailable, ""
	}
	return fault.Internal, ""
}

func classifyCode(e *kerr.Error) (fault.Kind, string) {
	switch e {
	// A newer producer or member with our identity exists.
	case kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.FencedInstanceID, kerr.FencedMemberEpoch,
		kerr.TransactionCoordinatorFenced:
		return fault.Fenced, ""
	// The group moved on without us; after rejoining the work is repeated.
	case kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.RebalanceInProgress, kerr.StaleMemberEpoch,
		kerr.UnknownProducerID, kerr.InvalidTxnState, kerr.InvalidProducerIDMapping, kerr.OutOfOrderSequenceNumber,
		kerr.OperationNotAttempted, kerr.TransactionAbortable:
		return fault.Transient, ""
	case kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.InvalidTimestamp, kerr.OffsetMetadataTooLarge:
		return fault.Data, ""
	// Retriable to Kafka since metadata spreads slowly; to us the topic may also
	// have been forgotten, hence patience and a remedy.
	case kerr.UnknownTopicOrPartition, kerr.UnknownTopicID:
		return fault.Unavailable, "create the topic, or wait until the brokers know it"
	case kerr.SaslAuthenticationFailed, kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState:
		return fault.Config, "check kafka.sasl"
	case kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.ClusterAuthorizationFailed,
		kerr.TransactionalIDAuthorizationFailed:
		return fault.Permanent, "grant the Kafka user the operation"
	case kerr.InvalidTopicException, kerr.InvalidPartitions, kerr.InvalidReplicationFactor, kerr.InvalidConfig,
		kerr.PolicyViolation, kerr.InvalidRequiredAcks, kerr.InvalidSessionTimeout, kerr.InvalidGroupID,
		kerr.InvalidTransactionTimeout:
		return fault.Config, ""
	case kerr.OffsetOutOfRange:
		return fault.Permanent, "the records were deleted before they were read; lengthen retention, then reset the group's offsets"
	}
	if e.Retriable {
		return fault.Transient, ""
	}
	return fault.Permanent, ""
}
