package intake

import "time"

// SetClock makes Connections read the time from a clock. Call it before they are used.
func (c *Connections) SetClock(now func() time.Time) { c.now = now }

// Used is how many bytes of bodies are charged now.
func (b *Bodies) Used() int64 { return b.small.used.Load() + b.large.used.Load() }

// HeaderBytes is how many bytes of headers are charged now.
func (c *Connections) HeaderBytes() int64 { return c.usual.used.Load() + c.long.used.Load() }
