package reward

import (
	"container/list"
	"sync"
	"time"
)

// The same texts are compiled whenever a purchase is decided and a policy is reconciled, so compiled
// conditions are cached for the whole process: up to cacheBytes, and each until it has not been used
// for cacheIdle, as when no policy has it any more.
const (
	cacheBytes = 16 << 20
	cacheIdle  = 10 * time.Minute
)

var conditions = conditionCache{known: map[string]*list.Element{}, recent: list.New()}

// conditionCache keeps the conditions that were used last.
type conditionCache struct {
	mu     sync.Mutex
	known  map[string]*list.Element // by text
	recent *list.List               // of *compiled, the last used first
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
	element := c.known[text]
	if element == nil {
		return nil
	}
	c.recent.MoveToFront(element)
	known := element.Value.(*compiled)
	known.usedAt = now
	return known
}

func (c *conditionCache) add(added *compiled) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if element := c.known[added.text]; element != nil {
		c.remove(element) // another goroutine compiled it too
	}
	c.known[added.text] = c.recent.PushFront(added)
	c.bytes += added.bytes
	for c.bytes > cacheBytes && c.recent.Len() > 1 {
		c.remove(c.recent.Back())
	}
	c.sweepLater()
}

// sweepLater arranges one sweep, unless one is due or nothing is cached.
func (c *conditionCache) sweepLater() {
	if c.sweeps || c.recent.Len() == 0 {
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
	for oldest := c.recent.Back(); oldest != nil; oldest = c.recent.Back() {
		if now.Sub(oldest.Value.(*compiled).usedAt) < cacheIdle {
			return
		}
		c.remove(oldest)
	}
}

func (c *conditionCache) remove(element *list.Element) {
	removed := c.recent.Remove(element).(*compiled)
	delete(c.known, removed.text)
	c.bytes -= removed.bytes
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
