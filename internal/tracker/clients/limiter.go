package clients

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// Limit is how many events may happen at once, and how many per second in the long run. A burst of
// 0 means no limit.
type Limit struct {
	Burst  int
	PerSec float64
}

var (
	// DefaultLimit is for unknown codes of one client. People mistype fewer.
	DefaultLimit = Limit{Burst: 30, PerSec: 0.5}
	// DefaultTotal is for unknown codes of all clients together. It bounds guessing where a load
	// balancer lets clients claim any address.
	DefaultTotal = Limit{Burst: 2000, PerSec: 20}
	// DefaultVisitor is for touches of one visitor.
	DefaultVisitor = Limit{Burst: 30, PerSec: 0.1}
)

const (
	mostClients = 15_000
	mostCounted = 50_000
)

// buckets limits each key. It forgets the keys not seen for longest beyond a fixed number. The zero
// buckets has no limit.
type buckets struct {
	limit Limit
	of    *lru.Cache[uint64, *rate.Limiter]
}

func newBuckets(limit Limit) buckets {
	if limit.Burst <= 0 {
		return buckets{}
	}
	of, _ := lru.New[uint64, *rate.Limiter](mostClients) // fails only for a size that is not positive
	return buckets{limit: limit, of: of}
}

// take counts an event of a key, and reports whether the limit allowed it.
func (b *buckets) take(key uint64, now time.Time) bool {
	if b.of == nil {
		return true
	}
	bucket, ok := b.of.Get(key)
	if !ok {
		bucket = rate.NewLimiter(rate.Limit(b.limit.PerSec), b.limit.Burst)
		b.of.Add(key, bucket)
	}
	return bucket.AllowN(now, 1)
}

// newTotal limits all clients together.
func newTotal(limit Limit) *rate.Limiter {
	if limit.Burst <= 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(limit.PerSec), limit.Burst)
}

// Limiter limits how many unknown codes a client may request, and all clients together. A code
// counts once, however often the client requests it.
type Limiter struct {
	limit Limit
	seed  maphash.Seed // addresses are remembered as hashes that only this process can make

	mu      sync.Mutex
	clients buckets
	total   *rate.Limiter
	counted *lru.Cache[uint64, Verdict] // by hash of client and code: the last verdict, of the client's codes that were charged
}

// NewLimiter returns a limiter with the same limit for each client, and one for all together.
func NewLimiter(limit, total Limit) *Limiter {
	counted, _ := lru.New[uint64, Verdict](mostCounted)
	return &Limiter{limit: limit, seed: maphash.MakeSeed(), clients: newBuckets(limit), counted: counted, total: newTotal(total)}
}

// Verdict says whether the limits allowed an unknown code, and if not, which one was exceeded.
type Verdict int

// Verdicts.
const (
	Allowed        Verdict = iota
	ClientExceeded         // the client's own limit
	TotalExceeded          // the limit of all clients together
)

// Spend counts an unknown code, once against the client and once against all clients together.
func (l *Limiter) Spend(addr netip.Addr, code string, now time.Time) Verdict {
	own := network(addr)
	both := maphash.Comparable(l.seed, struct {
		network netip.Prefix
		code    string
	}{own, code})
	l.mu.Lock()
	defer l.mu.Unlock()
	verdict, again := l.counted.Get(both)
	switch {
	case again && verdict == Allowed:
		return Allowed
	case !again && !l.clients.take(maphash.Comparable(l.seed, own), now):
		return ClientExceeded
	case l.total.AllowN(now, 1):
		verdict = Allowed
	default:
		verdict = TotalExceeded
	}
	l.counted.Add(both, verdict)
	return verdict
}

// RetryAfter is how long an exhausted client should wait.
func (l *Limiter) RetryAfter() time.Duration {
	if l.limit.PerSec <= 0 {
		return time.Hour
	}
	return max(time.Second, time.Duration(float64(time.Second)/l.limit.PerSec))
}

// TouchLimiter limits how many touches are stored: of one client, of one visitor, of one IPv6 /48,
// and of all clients together.
type TouchLimiter struct {
	seed maphash.Seed

	mu       sync.Mutex
	clients  buckets
	visitors buckets
	sites    buckets
	total    *rate.Limiter
}

// clientsPerSite is how many clients' touches are stored of an IPv6 /48. It is 65,536 networks of
// one client each: what one customer of a provider may have, or all telephones of a town.
const clientsPerSite = 10

// NewTouchLimiter returns a limiter with the same limits for each client and visitor, and one for
// all clients together, which bounds a flood where a load balancer lets clients claim any address.
func NewTouchLimiter(client, visitor, total Limit) *TouchLimiter {
	site := Limit{Burst: clientsPerSite * client.Burst, PerSec: clientsPerSite * client.PerSec}
	return &TouchLimiter{
		seed: maphash.MakeSeed(), clients: newBuckets(client), visitors: newBuckets(visitor), sites: newBuckets(site), total: newTotal(total),
	}
}

// Allow counts a touch, and reports whether all limits allowed it. While all clients together are
// at their limit, which a flood brings about, it looks at no other.
func (l *TouchLimiter) Allow(addr netip.Addr, visitorID string, now time.Time) bool {
	if l.total.Limit() != rate.Inf && l.total.TokensAt(now) < 1 {
		return false
	}
	visitor := maphash.String(l.seed, visitorID)
	client, site := maphash.Comparable(l.seed, network(addr)), maphash.Comparable(l.seed, site(addr))
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.visitors.take(visitor, now) && l.clients.take(client, now) && l.sites.take(site, now) && l.total.AllowN(now, 1)
}
