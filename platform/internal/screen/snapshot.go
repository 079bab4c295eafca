package screen

import (
	"encoding/json"
	"time"
)

// Snapshot is what the big screen shows at one moment. A tile whose store does not answer keeps its last values and says so in its Source.
type Snapshot struct {
	Version   uint64    `json:"version"` // grows with each change
	Time      int64     `json:"time"`    // of the server, milliseconds
	Name      string    `json:"name"`    // of the warehouse
	Zone      string    `json:"zone"`
	Today     string    `json:"today"` // date in Zone
	GMV       GMV       `json:"gmv"`
	UV        UV        `json:"uv"`
	Top       Top       `json:"top"`
	Trade     Trade     `json:"trade"`
	Traffic   Traffic   `json:"traffic"`
	Road      Road      `json:"road"`
	Jobs      JobTotals `json:"jobs"`
	ViewsRate float64   `json:"views_per_second"` // arriving at the collection layer
}

// Source says how fresh a tile is.
type Source struct {
	Store string `json:"store"`           // as "mysql"
	OK    bool   `json:"ok"`              // the last poll was answered
	Since int64  `json:"since,omitempty"` // when not OK: time of the last answer, milliseconds; 0 when there was none
	Error string `json:"error,omitempty"`
}

// GMV is turnover paid today, from MySQL. Amounts are decimal numbers as the store has them, never rounded through binary fractions.
type GMV struct {
	Source    Source      `json:"source"`
	Today     json.Number `json:"today"`
	Orders    int64       `json:"orders"` // paid
	Minutes   []Minute    `json:"minutes"`
	Provinces []Province  `json:"provinces"` // highest turnover first
}

// Minute is turnover of one minute of the last hour.
type Minute struct {
	Time   int64       `json:"time"` // its start, milliseconds
	GMV    json.Number `json:"gmv"`
	Orders int64       `json:"orders"`
}

// Province is turnover of one province today.
type Province struct {
	Name   string      `json:"name"`
	GMV    json.Number `json:"gmv"`
	Orders int64       `json:"orders"`
}

// UV is unique visitors, from HBase.
type UV struct {
	Source Source `json:"source"`
	Today  int64  `json:"today"`
	Days   []Day  `json:"days"` // the last two weeks' that have visitors
}

// Day is the visitors of a date.
type Day struct {
	Date string `json:"date"`
	UV   int64  `json:"uv"`
}

// Top is the products with the highest turnover of an hour, from Redis.
type Top struct {
	Source   Source    `json:"source"`
	Hour     string    `json:"hour"` // "2006-01-02 15" UTC
	Products []Product `json:"products"`
}

// Product is an entry of Top. Name and Category are empty when the dimension does not have it.
type Product struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	Category string  `json:"category"`
	GMV      float64 `json:"gmv"`
}

// Trade is today's orders by state, from ClickHouse.
type Trade struct {
	Source   Source   `json:"source"`
	Orders   int64    `json:"orders"`
	Buyers   int64    `json:"buyers"` // users with a paid order
	Statuses []Status `json:"statuses"`
}

// Status is the orders in one state.
type Status struct {
	Status string `json:"status"`
	Orders int64  `json:"orders"`
}

// Traffic is today's page views, from ClickHouse.
type Traffic struct {
	Source Source `json:"source"`
	Views  int64  `json:"views"`
	Lines  []Line `json:"lines"`
}

// Line is the views of one business line.
type Line struct {
	Line  string `json:"line"`
	Views int64  `json:"views"`
}

// Road is the state of the layers between the sources and the stores, from Kafka and ClickHouse.
type Road struct {
	Source      Source  `json:"source"`
	Layers      []Layer `json:"layers"` // ods, dwd, dm, store
	Lag         int64   `json:"lag"`    // records that jobs have yet to read
	DeadLetters int64   `json:"dead_letters"`
	JoinMisses  int64   `json:"join_misses"`
}

// Layer is one station of the road.
type Layer struct {
	Name    string    `json:"name"`
	Known   bool      `json:"known"`    // there is anything to tell
	Idle    bool      `json:"idle"`     // nothing has come for half a minute
	DelayMS int64     `json:"delay_ms"` // age of the newest record; of the store: of the newest business change that is in it. 0 when idle
	Newest  int64     `json:"newest"`   // time of that record, milliseconds, when idle
	Rows    int64     `json:"rows"`     // ever written
	Rate    float64   `json:"rate"`     // rows a second
	Lag     int64     `json:"lag"`      // records of this layer that jobs have yet to read
	Rates   []float64 `json:"rates"`    // of the last minute, one a poll, oldest first
}

// JobTotals counts the jobs of this process.
type JobTotals struct {
	Running int `json:"running"`
	Down    int `json:"down"`
}

// Changed tells whether b shows anything else than a; the moment of the snapshot is not shown.
func Changed(a, b *Snapshot) bool {
	x, y := *a, *b
	x.Time, y.Time, x.Version, y.Version = 0, 0, 0, 0
	xs, errX := json.Marshal(x)
	ys, errY := json.Marshal(y)
	return errX != nil || errY != nil || string(xs) != string(ys)
}

// day gives the start of now's day in zone.
func day(now time.Time, zone *time.Location) time.Time {
	y, m, d := now.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}
