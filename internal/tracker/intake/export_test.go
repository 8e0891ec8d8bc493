package intake

// Used is how many bytes of bodies are charged now.
func (b *Bodies) Used() int64 { return b.small.used.Load() + b.large.used.Load() }

// HeaderBytes is how many bytes of headers are charged now.
func (c *Connections) HeaderBytes() int64 { return c.usual.used.Load() + c.long.used.Load() }
