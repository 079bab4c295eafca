// Package hbase is an HBase server for one process: the RPC protocol of HBase 2
// (and the few ZooKeeper look-ups that lead a client to it) over a Pebble database.
//
// It answers every call the gohbase client makes: hbase:meta look-ups, Get, Mutate
// (put, delete, increment, append, check-and-put), Multi, Scan with all standard
// filters, table administration and snapshots. Cell semantics are HBase's: versions
// by timestamp, tombstones for families, columns and single versions, and the
// VERSIONS, MIN_VERSIONS and TTL attributes of column families.
//
// Guarantees: a write is acknowledged after its log record is on disk, a row changes
// atomically, and a fixed RPC or ZooKeeper port can be taken again after a restart
// or a kill -9. A malformed frame costs the sender its connection, nothing more.
//
// It does not split, merge or move regions by itself, runs no coprocessors, has no
// security, and offers of ZooKeeper only what a client reads.
//
// Map: server.go lifecycle, zk.go ZooKeeper, conn.go and frame.go the wire, catalog.go
// tables and regions, service_*.go the calls, keys.go the Pebble layout, match.go which
// cells a query sees, scan*.go row iteration, filter*.go filters, sweep.go garbage.
//
// Lock order: catalog.admin, then region.mu. Nothing waits for a disk sync while it
// holds a region's lock.
package hbase
