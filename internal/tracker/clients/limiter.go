package clients

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// Limit is how much a client may do: so many at once, and so many a second in
// the long run.
type Limit struct {
	Burst  int
	PerSec float64
}

// DefaultLimit is for unknown codes: more than people mistype.
var DefaultLimit = Limit{Burst: 30, PerSec: 0.5}

// Limiter limits requests per client. It forgets the least recently seen clients beyond a fixed number.
type Limiter struct {
	limit Limit
	seed  maphash.Seed // addresses are remembered as hashes that only this process can make

	mu      sync.Mutex
	clients *lru.Cache[uint64, *rate.Limiter]
}

const mostClients = 20_000

// NewLimiter returns a limiter of the same limit for each client. One of no
// burst lets everything through.
func NewLimiter(limit Limit) *Limiter {
	clients, _ := lru.New[uint64, *rate.Limiter](mostClients) // fails only for sizes that are not positive
	return &Limiter{limit: limit, seed: maphash.MakeSeed(), clients: clients}
}

// Spend counts one against the client, and reports whether the limit allowed it.
func (l *Limiter) Spend(addr netip.Addr, now time.Time) bool {
	if l.limit.Burst <= 0 {
		return true
	}
	key := maphash.Comparable(l.seed, network(addr))
	l.mu.Lock()
	client, ok := l.clients.Get(key)
	if !ok {
		client = rate.NewLimiter(rate.Limit(l.limit.PerSec), l.limit.Burst)
		l.clients.Add(key, client)
	}
	l.mu.Unlock()
	return client.AllowN(now, 1)
}

// Exhausted reports whether the client has reached its limit, and counts nothing.
func (l *Limiter) Exhausted(addr netip.Addr, now time.Time) bool {
	if l.limit.Burst <= 0 {
		return false
	}
	client, ok := l.clients.Get(maphash.Comparable(l.seed, network(addr)))
	return ok && client.TokensAt(now) < 1
}

// RetryAfter is how long an exhausted client should wait.
func (l *Limiter) RetryAfter() time.Duration {
	if l.limit.PerSec <= 0 {
		return time.Hour
	}
	return max(time.Second, time.Duration(float64(time.Second)/l.limit.PerSec))
}
