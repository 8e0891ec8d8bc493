package intake

const (
	// freeHeader is how many bytes of each header are not charged. Nearly all headers are shorter.
	freeHeader = 4 << 10
	// usualHeader is the most that a header of a browser with many cookies has.
	usualHeader = 16 << 10
)

// charge is what a header takes of a budget.
type charge struct {
	budget *Budget // nil: nothing is taken
	bytes  int64
}

// count counts bytes of a header, and reports whether its budget has them. evicted is a connection
// that made place for it, which is to be closed.
func (c *conn) count(bytes int64) (fits bool, evicted *conn) {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if c.inRequest() || c.unreadBody {
		return true, nil // of a body, or of nothing any more
	}
	if c.in == &c.of.idle {
		c.remove()
		c.enter(&c.of.reading)
	}
	c.header += bytes
	due := c.of.chargeFor(c.header)
	if due == c.charge {
		return true, nil
	}
	c.discharge()
	c.removeUsual()
	fits = due.budget.Take(due.bytes)
	if !fits {
		if evicted = c.of.evictable(due.budget); evicted != nil {
			c.of.evicted++
			evicted.leave()
			fits = due.budget.Take(due.bytes)
		}
	}
	if !fits {
		c.of.refused++
		return false, evicted
	}
	c.charge = due
	if due.budget == c.of.usual {
		c.usualPlace = c.of.usualReading.PushBack(c)
	}
	return true, evicted
}

// chargeFor is what a header that has begun with so many bytes is charged. One that is longer than
// usual is charged at once for the longest: if each took a little more at a time, many long headers
// could take all of the budget between them, and all would have been read in vain.
func (c *Connections) chargeFor(header int64) charge {
	switch {
	case header <= freeHeader:
		return charge{}
	case header <= usualHeader:
		return charge{c.usual, usualHeader - freeHeader}
	}
	return charge{c.long, max(c.longest, header-freeHeader)}
}

// forget ends a header, and gives its bytes back; of.mu is locked.
func (c *conn) forget() {
	c.header = 0
	c.discharge()
}

// discharge gives the bytes of a header back; of.mu is locked.
func (c *conn) discharge() {
	if c.charge.budget != nil {
		c.charge.budget.Return(c.charge.bytes)
	}
	c.charge = charge{}
}
