package links

import (
	"strings"
	"testing"
)

func TestCacheForgetsTheLeastUsedBeyondItsBytes(t *testing.T) {
	c := newCache(10_000, func(text string) int { return len(text) })
	c.Add("a", strings.Repeat("x", 4000))
	c.Add("b", strings.Repeat("x", 4000))
	c.Add("b", strings.Repeat("y", 4000)) // replaces
	if _, ok := c.Get("a"); !ok {
		t.Error("a was forgotten, although there was space")
	}
	c.Add("c", strings.Repeat("x", 4000))
	_, a := c.Get("a")
	_, b := c.Get("b")
	_, last := c.Get("c")
	if !a || b || !last {
		t.Errorf("remembered: a %v, b %v, c %v", a, b, last)
	}
	c.Remove("a")
	c.Remove("c")
	if c.weight != 0 || c.entries.Len() != 0 {
		t.Errorf("empty, and weighs %d", c.weight)
	}
	c.Add("too large", strings.Repeat("x", 20_000))
	if c.entries.Len() != 0 {
		t.Error("an entry above the limit is remembered")
	}
	for range 3 {
		for i := range 200 {
			c.Add(strings.Repeat("k", i), "")
		}
	}
	if c.weight > 10_000 || c.entries.Len() == 0 {
		t.Errorf("%d entries weigh %d", c.entries.Len(), c.weight)
	}
}
