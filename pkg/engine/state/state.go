// Package state holds keyed state: compact typed tables in memory, and the entry stream in which they are saved.
//
// All state is laid out by key group: group = hash(key) mod Groups, the same hash that the exchange uses, so any number of
// workers can take over any groups.
//
// Codec (codec.go, codec_decode.go) turns rows into bytes; Table (table.go, dirty.go) gives keys dense rows, beside which
// operators keep columns; Set (set.go) holds distinct values compactly; FileWriter and Load (file.go, load.go) are the snapshot
// files. Saved state is damaged or whole, never half read: every error about its content is ErrCorrupt.
//
// Nothing here is safe for concurrent use but Loaded. Nothing spills to disk: state must fit in memory.
package state

import "errors"

// DefaultGroups is a job's number of key groups unless it says otherwise.
const DefaultGroups = 32

// Writer takes the entries of a snapshot: a later entry of the same table and key replaces an earlier one. key and value may be reused
// by the caller after the call.
type Writer interface {
	Put(table string, group uint16, key, value []byte) error
	Delete(table string, group uint16, key []byte) error
}

// Reader gives the live entries of a snapshot, of the groups that the operator owns, in no particular order. The slices are
// valid during the call only.
type Reader interface {
	Entries(table string, fn func(group uint16, key, value []byte) error) error
}

// Group is the key group of a hash. The exchange uses the same.
func Group(hash uint64, groups int) uint16 { return uint16(hash % uint64(groups)) }

// ErrCorrupt is returned for saved state that is damaged. There is no way to go on with it: the job must start from another snapshot.
var ErrCorrupt = errors.New("state is corrupt")

// ErrFull is returned when a table cannot take another key: 2^31-1 rows or 16 GiB of keys in one instance. Run the job with more workers.
var ErrFull = errors.New("state table is full")
