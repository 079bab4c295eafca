package shop

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/freshet-dw/freshet/platform/internal/shop/account"
)

// views makes the shop's traffic: batches of page views and log lines. It draws from its own random numbers only.
type views struct {
	cfg    Config
	rng    *rand.Rand
	pace   pace
	prefix string // of event ids

	made   int64
	nextAt float64
	recent [64][]byte // valid events that may be sent again
	lines  int64
}

func newViews(cfg Config, run int64, p pace) *views {
	return &views{cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, streamViews+uint64(run-1)<<8)), pace: p, prefix: fmt.Sprintf("%d-%x-", run, cfg.Seed)}
}

// events is the body of a request and what is to come of it.
type events struct {
	body     []byte
	gzip     bool
	views    []account.View // new valid ones
	repeated int            // valid ones that were sent before
	rejected map[string]int
	offset   time.Duration // simulated time of the last event's dispatch

	log            []byte // lines for the access log, complete
	logged, broken int
}

func (e *events) accepted() int { return len(e.views) + e.repeated }

func (e *events) refused() int {
	n := 0
	for _, k := range e.rejected {
		n += k
	}
	return n
}

// batch makes the next request.
func (g *views) batch() (*events, bool) {
	if g.cfg.TotalViews > 0 && g.made >= g.cfg.TotalViews {
		return nil, false
	}
	e := &events{rejected: map[string]int{}, gzip: g.rng.IntN(3) == 0}
	if g.cfg.Faults && g.rng.IntN(60) == 0 {
		g.torn(e)
		return e, true
	}
	most := g.cfg.BatchSize/2 + g.rng.IntN(g.cfg.BatchSize/2+1)
	most = max(most, 1)
	first := g.nextAt
	e.body = append(make([]byte, 0, most*420), '[')
	for n := 0; n < most && (g.cfg.TotalViews == 0 || g.made < g.cfg.TotalViews); n++ {
		if g.pace.real && n > 0 && g.nextAt-first > 200 {
			break
		}
		g.event(e)
	}
	e.body = append(e.body, ']')
	e.offset = time.Duration(g.nextAt * float64(time.Millisecond))
	return e, true
}

// torn is a body that is cut off, as of a client that dies; nothing of it can be read.
func (g *views) torn(e *events) {
	e.offset = time.Duration(g.nextAt * float64(time.Millisecond))
	e.body = fmt.Appendf(nil, `[{"event_id":"%storn-%d","mid":"d0","page_`, g.prefix, g.rng.Uint64())
	e.rejected[account.NotJSON]++
	e.gzip = false
}

// event appends the next event, and sometimes a faulty one or a repeat beside it.
func (g *views) event(e *events) {
	at := int64(g.nextAt)
	g.nextAt += g.rng.ExpFloat64() * g.pace.gap
	g.made++
	v, p := g.view(at)
	start := len(e.body)
	g.encode(e, v, p, account.NotJSON)
	e.views = append(e.views, v)
	g.recent[g.made%int64(len(g.recent))] = append([]byte(nil), e.body[start:]...)
	if g.made%10 == 0 {
		g.line(e, v, at)
	}
	if !g.cfg.Faults {
		return
	}
	if again := g.recent[g.rng.IntN(len(g.recent))]; g.rng.IntN(100) == 0 && again != nil {
		if len(e.body) > 1 && again[0] != ',' {
			e.body = append(e.body, ',')
		}
		e.body = append(e.body, again...)
		e.repeated++
	}
	fault := ""
	switch g.made % 5000 {
	case 101:
		fault = account.BadType
	case 1101:
		fault = account.UnknownField
	case 2101:
		fault = account.MissingMid
	}
	if g.made%50000 == 777 {
		fault = account.Oversized
	}
	if fault != "" {
		v, p := g.view(at)
		g.encode(e, v, p, fault)
		e.rejected[fault]++
	}
}

// page is what of a view does not matter to the account.
type page struct {
	id          string
	kind        string
	channel, os string
	version     string
	ip          uint32
	duration    int
	path        string
}

// unknownUser is the first id of users that the shop never had.
const unknownUser = 800_000_000

func (g *views) view(at int64) (account.View, page) {
	rng := g.rng
	device := skewed(rng, g.cfg.Devices)
	h := mix(uint64(device) ^ g.cfg.Seed<<32)
	v := account.View{Mid: "d" + strconv.FormatUint(h>>16, 16), Line: lines[h%3], Time: g.pace.start.UnixMilli() + at - rng.Int64N(3000)}
	if h>>8%5 < 3 {
		v.User = 1 + int64(device%g.cfg.Users)
	}
	kind := pages[skewed(rng, 5)]
	if rng.IntN(3) == 0 {
		kind = pages[2]
	}
	p := page{kind: kind.kind, id: kind.id, channel: channels[h>>24%uint64(len(channels))], version: versions[h>>32%uint64(len(versions))], ip: uint32(h >> 20),
		duration: 200 + rng.IntN(60000), path: "/" + kind.id}
	oses := systems[v.Line]
	p.os = oses[h>>40%uint64(len(oses))]
	if kind.kind == "detail" {
		v.Product = 1 + int64(skewed(rng, g.cfg.Products))
		if g.cfg.Faults && rng.IntN(300) == 0 {
			v.Product = unknownProduct + rng.Int64N(100)
		}
		p.path += "/" + strconv.FormatInt(v.Product, 10)
	}
	if g.cfg.Faults {
		switch late := rng.IntN(5000); {
		case late < 1: // a phone that was off
			v.Time -= (7 * 24 * time.Hour).Milliseconds()
		case late < 25:
			v.Time -= rng.Int64N((24 * time.Hour).Milliseconds())
		case late < 125:
			v.Time -= rng.Int64N((30 * time.Minute).Milliseconds())
		}
		if rng.IntN(1000) == 0 {
			v.User = unknownUser + rng.Int64N(100)
		}
	}
	return v, p
}

// mix spreads the bits of a number (the finalizer of splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// encode appends the event as JSON, with the fault if it is one of an event.
func (g *views) encode(e *events, v account.View, p page, fault string) {
	b := e.body
	if len(b) > 1 {
		b = append(b, ',')
	}
	b = append(b, `{"event_id":"`...)
	b = append(b, g.prefix...)
	b = strconv.AppendInt(b, g.made, 10)
	switch fault {
	case account.BadType:
		b = append(b, `-t","duration_ms":"long`...)
	case account.UnknownField:
		b = append(b, `-u","colour":"red`...)
	case account.MissingMid:
		b = append(b, `-m`...)
	case account.Oversized:
		b = append(b, `-o","referer":"`...)
		for range 300 << 10 / 16 {
			b = append(b, "0123456789abcdef"...)
		}
	}
	if fault != account.MissingMid {
		b = append(b, `","mid":"`...)
		b = append(b, v.Mid...)
	}
	b = append(b, `","user_id":`...)
	b = strconv.AppendInt(b, v.User, 10)
	b = append(b, `,"page_id":"`...)
	b = append(b, p.id...)
	b = append(b, `","page_type":"`...)
	b = append(b, p.kind...)
	b = append(b, `","product_id":`...)
	b = strconv.AppendInt(b, v.Product, 10)
	b = append(b, `,"line":"`...)
	b = append(b, v.Line...)
	b = append(b, `","channel":"`...)
	b = append(b, p.channel...)
	b = append(b, `","os":"`...)
	b = append(b, p.os...)
	b = append(b, `","ip":"`...)
	b = appendIP(b, p.ip)
	b = append(b, `","event_time":`...)
	b = strconv.AppendInt(b, v.Time, 10)
	b = append(b, `,"url":"https://shop.example`...)
	b = append(b, p.path...)
	if fault != account.BadType {
		b = append(b, `","duration_ms":`...)
		b = strconv.AppendInt(b, int64(p.duration), 10)
		b = append(b, `,"app_version":"`...)
	} else {
		b = append(b, `","app_version":"`...)
	}
	b = append(b, p.version...)
	e.body = append(b, `"}`...)
}

func appendIP(b []byte, ip uint32) []byte {
	return fmt.Appendf(b, "%d.%d.%d.%d", 1+ip>>24%223, ip>>16&255, ip>>8&255, ip&255)
}

// line appends an access log line in nginx's combined format; every line is another, by the number in its path.
func (g *views) line(e *events, v account.View, at int64) {
	g.lines++
	if g.cfg.Faults && g.lines%1000 == 500 {
		e.log = fmt.Appendf(e.log, "2026/01/01 00:00:00 [error] 31#31: *%d upstream timed out, run %s\n", g.lines, g.prefix)
		e.broken++
		return
	}
	status := 200
	switch n := g.rng.IntN(50); {
	case n == 0:
		status = 404
	case n == 1:
		status = 500
	case n < 5:
		status = 304
	}
	now := g.pace.start.Add(time.Duration(at) * time.Millisecond)
	e.log = appendIP(e.log, uint32(mix(uint64(v.User))))
	e.log = fmt.Appendf(e.log, " - - [%s] \"GET /p/%d?rid=%s%d HTTP/1.1\" %d %d \"https://shop.example/\" \"%s\"\n", now.Format("02/Jan/2006:15:04:05 -0700"),
		v.Product, g.prefix, g.lines, status, 200+g.rng.IntN(50000), agents[g.rng.IntN(len(agents))])
	e.logged++
}
