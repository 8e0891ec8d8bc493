package links

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// cache remembers values by text until together they weigh too much; then it forgets those not used
// for longest.
type cache[V any] struct {
	most  int // bytes
	weigh func(V) int

	mu      sync.Mutex
	entries *simplelru.LRU[string, V]
	weight  int
}

// entryBytes is the memory of an entry beside its key and what weigh returns.
const entryBytes = 200

func newCache[V any](most int, weigh func(V) int) *cache[V] {
	c := &cache[V]{most: most, weigh: weigh}
	// simplelru.NewLRU fails only for a size that is not positive.
	c.entries, _ = simplelru.NewLRU(most/entryBytes+1, func(key string, value V) { c.weight -= c.of(key, value) })
	return c
}

// of is the weight of an entry.
func (c *cache[V]) of(key string, value V) int { return entryBytes + len(key) + c.weigh(value) }

func (c *cache[V]) Get(key string) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries.Get(key)
}

func (c *cache[V]) Add(key string, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries.Remove(key) // a replaced entry is not reported as evicted
	c.weight += c.of(key, value)
	c.entries.Add(key, value)
	for c.weight > c.most {
		c.entries.RemoveOldest()
	}
}

func (c *cache[V]) Remove(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries.Remove(key)
}
