package account

import "time"

// Op is what a change does to its row.
type Op uint8

// The operations.
const (
	Insert Op = iota
	Update
	Delete
)

// Change is one row change of the shop database. Row is a User, Product, Region, Order, Item, Payment or Audit with all of its columns: after
// the change for Insert and Update, before it for Delete.
type Change struct {
	Op  Op
	Row any
}

// States of an order and of a payment.
const (
	Created   = "CREATED"
	Paid      = "PAID"
	Cancelled = "CANCELLED"
	Refunded  = "REFUNDED"
)

// Cents is an amount of money in hundredths.
type Cents int64

// User is a row of the table user.
type User struct {
	ID        int64     `json:"user_id"`
	Name      string    `json:"name"`
	Gender    string    `json:"gender"`
	BirthYear int       `json:"birth_year"`
	Province  string    `json:"province"`
	Level     int       `json:"level"`
	Phone     string    `json:"phone"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Product is a row of the table product.
type Product struct {
	ID        int64     `json:"product_id"`
	Name      string    `json:"name"`
	Category  string    `json:"category"`
	Brand     string    `json:"brand"`
	Price     Cents     `json:"price"`
	Status    string    `json:"status"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Region is a row of the table region.
type Region struct {
	ID       int    `json:"region_id"`
	Province string `json:"province"`
	Area     string `json:"area"`
}

// Order is a row of the table orders.
type Order struct {
	ID        int64     `json:"order_id"`
	User      int64     `json:"user_id"`
	Region    int       `json:"region_id"`
	Status    string    `json:"status"`
	Total     Cents     `json:"total_amount"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Item is a row of the table order_item.
type Item struct {
	ID       int64 `json:"item_id"`
	Order    int64 `json:"order_id"`
	Product  int64 `json:"product_id"`
	Quantity int   `json:"quantity"`
	Price    Cents `json:"price"`
}

// Amount is quantity times price.
func (i Item) Amount() Cents { return Cents(i.Quantity) * i.Price }

// Payment is a row of the table payment.
type Payment struct {
	ID     int64     `json:"payment_id"`
	Order  int64     `json:"order_id"`
	Amount Cents     `json:"amount"`
	Method string    `json:"method"`
	Status string    `json:"status"`
	PaidAt time.Time `json:"paid_at"`
}

// Audit is a row of the table audit_log, which has no key.
type Audit struct {
	Actor  string    `json:"actor"`
	Action string    `json:"action"`
	At     time.Time `json:"at"`
}

// View is a page view that the collector accepts.
type View struct {
	Mid     string
	User    int64 // 0: nobody signed in
	Product int64 // 0: no product page
	Line    string
	Time    int64 // event time, milliseconds since 1970 UTC
}

// Reasons for which an input is rejected.
const (
	BadType      = "bad_type"      // a field has a value of another type
	UnknownField = "unknown_field" // a field is not in the schema
	MissingMid   = "missing_mid"   // the key field is missing
	Oversized    = "oversized"     // the event is larger than the collector takes
	NotJSON      = "not_json"      // a whole body is not JSON
	LogLine      = "log_line"      // a log line does not match the format
)
