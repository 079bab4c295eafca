// Package state holds keyed state: compact typed tables in memory, and the entry stream in which they are saved.
//
// All state is laid out by key group: group = hash(key) mod Groups, the same hash that the exchange uses, so any number of
// workers can take over any groups.
package state

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
