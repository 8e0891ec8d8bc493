package reward

import (
	"sync"
	"time"
)

// The same texts are compiled whenever a purchase is decided and a policy is reconciled, so
// compiled conditions are cached for the whole process: up to cacheBytes, and each until it has not
// been used for cacheIdle, as when no policy has it any more.
const (
	cacheBytes = 16 << 20
	cacheIdle  = 10 * time.Minute
)

var conditions = conditionCache{known: map[string]*compiled{}}

// conditionCache keeps the conditions that were used last.
type conditionCache struct {
	mu     sync.Mutex
	known  map[string]*compiled // by text
	bytes  int
	sweeps bool // a sweep is due
}

// compiled is the result of compiling a text: a condition or an error.
type compiled struct {
	text      string
	condition *Condition
	err       error
	bytes     int // estimate
	usedAt    time.Time
}

// KnownCondition is CompileCondition with a cache.
func KnownCondition(text string) (*Condition, error) {
	now := time.Now()
	if known := conditions.find(text, now); known != nil {
		return known.condition, known.err
	}
	condition, err := CompileCondition(text)
	conditions.add(&compiled{text: text, condition: condition, err: err, bytes: bytesOf(text, condition), usedAt: now})
	return condition, err
}

func (c *conditionCache) find(text string, now time.Time) *compiled {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.known[text]
	if known != nil {
		known.usedAt = now
	}
	return known
}

func (c *conditionCache) add(added *compiled) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(c.known[added.text]) // another goroutine compiled it too
	c.known[added.text] = added
	c.bytes += added.bytes
	for c.bytes > cacheBytes && len(c.known) > 1 {
		c.remove(c.oldest())
	}
	c.sweepLater()
}

// oldest returns the condition that has not been used for the longest time; nil: there is none. It
// goes through all: some two thousand fit into the cache.
func (c *conditionCache) oldest() (oldest *compiled) {
	for _, known := range c.known {
		if oldest == nil || known.usedAt.Before(oldest.usedAt) {
			oldest = known
		}
	}
	return oldest
}

// sweepLater arranges one sweep, unless one is due or nothing is cached.
func (c *conditionCache) sweepLater() {
	if c.sweeps || len(c.known) == 0 {
		return
	}
	c.sweeps = true
	time.AfterFunc(cacheIdle/2, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.sweeps = false
		c.sweep(time.Now())
		c.sweepLater()
	})
}

// sweep removes what has not been used for cacheIdle.
func (c *conditionCache) sweep(now time.Time) {
	for _, known := range c.known {
		if now.Sub(known.usedAt) >= cacheIdle {
			c.remove(known)
		}
	}
}

func (c *conditionCache) remove(known *compiled) {
	if known != nil {
		delete(c.known, known.text)
		c.bytes -= known.bytes
	}
}

// bytesOf estimates the memory of a compiled text, from above for the texts that were measured.
func bytesOf(text string, condition *Condition) int {
	const (
		fixed          = 8 << 10
		perCharacter   = 160
		perInstruction = 512 // of regular expressions
	)
	bytes := fixed + len(text)
	if condition != nil {
		bytes += perCharacter*len(text) + perInstruction*condition.regexSize
	}
	return bytes
}
