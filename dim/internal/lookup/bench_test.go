package lookup

import (
	"strconv"
	"testing"

	dimpb "github.com/freshet-dw/freshet/dim/proto"
)

const benchBatch = 100

func BenchmarkCached(b *testing.B) {
	s, _, _, _ := fixture(b, nil)
	parts := make([][]string, benchBatch)
	req := &dimpb.BatchGetRequest{Table: "people"}
	for i := range parts {
		id := strconv.Itoa(i + 1)
		parts[i] = []string{id}
		req.Keys = append(req.Keys, &dimpb.Key{Parts: parts[i]})
	}
	b.Run("in-process", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, _, err := s.lookup(b.Context(), "people", parts, nil); err != nil {
				b.Fatal(err)
			}
		}
		perKey(b)
	})
	client := dimpb.NewDimClient(serve(b, s))
	b.Run("grpc", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := client.BatchGet(b.Context(), req); err != nil {
				b.Fatal(err)
			}
		}
		perKey(b)
	})
	b.Run("grpc-parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := client.BatchGet(b.Context(), req); err != nil {
					b.Error(err)
					return
				}
			}
		})
		perKey(b)
	})
}

func perKey(b *testing.B) {
	b.ReportMetric(float64(b.N)*benchBatch/b.Elapsed().Seconds(), "keys/s")
}
