package e2e

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/kafka"
)

// Break writes records into the page view topic that are no Protobuf, as a foreign producer might, each with another value. It returns how many: the account
// knows nothing of them.
func Break(ctx context.Context, a Addresses, n int) (int64, error) {
	cl, err := kafka.NewClient(kafka.Config{Brokers: a.Kafka, ClientID: "freshet-break"})
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	var records []*kgo.Record
	for i := range n {
		// Wire type 7 does not exist.
		records = append(records, &kgo.Record{Topic: "ods_page_view", Key: fmt.Appendf(nil, "broken-%d", i), Value: fmt.Appendf(nil, "\xff\xff broken %d", i)})
	}
	return int64(n), kafka.Classify(cl.ProduceSync(ctx, records...).FirstErr(), "write broken records")
}
