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
	mostClients = 20_000
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

// Limiter limits how many unknown codes a client may request, and all clients together. A code
// counts once, however often the client requests it.
type Limiter struct {
	limit Limit
	seed  maphash.Seed // addresses are remembered as hashes that only this process can make

	mu      sync.Mutex
	clients buckets
	total   *rate.Limiter
	counted *lru.Cache[uint64, struct{}] // hashes of client and code
}

// NewLimiter returns a limiter with the same limit for each client, and one for all together.
func NewLimiter(limit, total Limit) *Limiter {
	counted, _ := lru.New[uint64, struct{}](mostCounted)
	l := &Limiter{limit: limit, seed: maphash.MakeSeed(), clients: newBuckets(limit), counted: counted}
	l.total = rate.NewLimiter(rate.Inf, 0)
	if total.Burst > 0 {
		l.total = rate.NewLimiter(rate.Limit(total.PerSec), total.Burst)
	}
	return l
}

// Verdict says whether the limits allowed an unknown code, and if not, which one was exceeded.
type Verdict int

// Verdicts.
const (
	Allowed        Verdict = iota
	ClientExceeded         // the client's own limit
	TotalExceeded          // the limit of all clients together
)

// Spend counts an unknown code against the client. A code that was counted before is allowed.
func (l *Limiter) Spend(addr netip.Addr, code string, now time.Time) Verdict {
	own := network(addr)
	both := maphash.Comparable(l.seed, struct {
		network netip.Prefix
		code    string
	}{own, code})
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, again := l.counted.Get(both); again {
		return Allowed
	}
	if !l.clients.take(maphash.Comparable(l.seed, own), now) {
		return ClientExceeded
	}
	if !l.total.AllowN(now, 1) {
		return TotalExceeded
	}
	l.counted.Add(both, struct{}{})
	return Allowed
}

// RetryAfter is how long an exhausted client should wait.
func (l *Limiter) RetryAfter() time.Duration {
	if l.limit.PerSec <= 0 {
		return time.Hour
	}
	return max(time.Second, time.Duration(float64(time.Second)/l.limit.PerSec))
}

// TouchLimiter limits how many touches of one client, and of one visitor, are stored.
type TouchLimiter struct {
	seed maphash.Seed

	mu       sync.Mutex
	clients  buckets
	visitors buckets
}

// NewTouchLimiter returns a limiter with the same limits for each client and visitor.
func NewTouchLimiter(client, visitor Limit) *TouchLimiter {
	return &TouchLimiter{seed: maphash.MakeSeed(), clients: newBuckets(client), visitors: newBuckets(visitor)}
}

// Allow counts a touch, and reports whether both limits allowed it.
func (l *TouchLimiter) Allow(addr netip.Addr, visitorID string, now time.Time) bool {
	client, visitor := maphash.Comparable(l.seed, network(addr)), maphash.String(l.seed, visitorID)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.visitors.take(visitor, now) && l.clients.take(client, now)
}
