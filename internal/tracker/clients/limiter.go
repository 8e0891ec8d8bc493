package clients

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// Limit is how many requests a client may make at once, and how many per second in the long run.
type Limit struct {
	Burst  int
	PerSec float64
}

// DefaultLimit is for unknown codes. People mistype fewer.
var DefaultLimit = Limit{Burst: 30, PerSec: 0.5}

// Limiter limits how many unknown codes a client may request. A code counts once, however often the
// client requests it. It forgets the least recently seen clients and codes beyond a fixed number.
type Limiter struct {
	limit Limit
	seed  maphash.Seed // addresses are remembered as hashes that only this process can make

	mu      sync.Mutex
	clients *lru.Cache[uint64, *rate.Limiter]
	counted *lru.Cache[uint64, struct{}] // hashes of client and code
}

const (
	mostClients = 20_000
	mostCounted = 50_000
)

// NewLimiter returns a limiter with the same limit for each client. A burst of 0 means no limit.
func NewLimiter(limit Limit) *Limiter {
	// lru.New fails only for a size that is not positive.
	clients, _ := lru.New[uint64, *rate.Limiter](mostClients)
	counted, _ := lru.New[uint64, struct{}](mostCounted)
	return &Limiter{limit: limit, seed: maphash.MakeSeed(), clients: clients, counted: counted}
}

// Spend counts an unknown code against the client, and reports whether the limit allowed it. A code
// that was counted before is allowed.
func (l *Limiter) Spend(addr netip.Addr, code string, now time.Time) bool {
	if l.limit.Burst <= 0 {
		return true
	}
	own := network(addr)
	key := maphash.Comparable(l.seed, own)
	both := maphash.Comparable(l.seed, struct {
		network netip.Prefix
		code    string
	}{own, code})
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, again := l.counted.Get(both); again {
		return true
	}
	client, ok := l.clients.Get(key)
	if !ok {
		client = rate.NewLimiter(rate.Limit(l.limit.PerSec), l.limit.Burst)
		l.clients.Add(key, client)
	}
	if !client.AllowN(now, 1) {
		return false
	}
	l.counted.Add(both, struct{}{})
	return true
}

// RetryAfter is how long an exhausted client should wait.
func (l *Limiter) RetryAfter() time.Duration {
	if l.limit.PerSec <= 0 {
		return time.Hour
	}
	return max(time.Second, time.Duration(float64(time.Second)/l.limit.PerSec))
}
