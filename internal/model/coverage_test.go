package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// coverage counts what histories come to, since a proof that never meets a case
// says nothing about it.
type coverage struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *coverage) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	c.counts[what]++
}

func (c *coverage) of(what string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[what]
}

func (c *coverage) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	lines := make([]string, 0, len(c.counts))
	for _, what := range slices.Sorted(maps.Keys(c.counts)) {
		lines = append(lines, fmt.Sprintf("%8d %s", c.counts[what], what))
	}
	return strings.Join(lines, "\n")
}

// look counts what there is after a convergence.
func (c *coverage) look(m *model) {
	c.add("convergences")
	for _, p := range m.pairs {
		c.add("pair " + p.state + " " + p.reason)
		if p.growing {
			c.add("pair that waits for more")
		}
		if p.revision > 1 {
			c.add("pair of a later revision")
		}
		if p.ordinal > 1 {
			c.add("pair with a higher ordinal")
		}
	}
	for _, a := range m.attributions {
		c.add("attribution by " + a.source)
	}
}
