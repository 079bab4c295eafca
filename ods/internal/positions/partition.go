package positions

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Partitioner puts keyed records where Kafka's own clients put them. A record without a key goes by the hash that Spread left
// in its Partition field.
func Partitioner() kgo.Partitioner {
	return kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int {
		return func(r *kgo.Record, n int) int {
			if r.Key == nil {
				return int(r.Partition&0x7fffffff) % n
			}
			return int(murmur2(r.Key)&0x7fffffff) % n
		}
	})
}

// Spread is the hash of what stands for the key of a record without one.
func Spread(b []byte) int32 { return int32(murmur2(b) & 0x7fffffff) }

// murmur2 is the hash of Kafka's default partitioner (org.apache.kafka.common.utils.Utils.murmur2).
func murmur2(b []byte) uint32 {
	const m = 0x5bd1e995
	h := uint32(0x9747b28c) ^ uint32(len(b))
	for len(b) >= 4 {
		k := binary.LittleEndian.Uint32(b) * m
		h = h*m ^ (k^k>>24)*m
		b = b[4:]
	}
	for i := len(b) - 1; i >= 0; i-- {
		h ^= uint32(b[i]) << (8 * i)
	}
	if len(b) > 0 {
		h *= m
	}
	h = (h ^ h>>13) * m
	return h ^ h>>15
}
