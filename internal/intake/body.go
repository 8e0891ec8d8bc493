package intake

import (
	"errors"
	"io"
	"net/http"
)

// closeUnlessRead returns the request for the handler. It closes the connection after the answer,
// unless the handler reads the body to its end. Otherwise net/http waits for the rest of the body
// before it sends the answer, for as long as a request may take. unread reports, after the handler,
// whether there is a body that was not read to its end.
func closeUnlessRead(w http.ResponseWriter, r *http.Request) (handled *http.Request, unread func() bool) {
	header := w.Header()
	if r.ContentLength == 0 || header.Get("Connection") != "" {
		return r, func() bool { return false }
	}
	header.Set("Connection", "close")
	// A copy: net/http finds out from the body of its own request whether the client may still be
	// sending, and if so closes the connection a moment after the answer, so that the answer arrives.
	copied, wrapped := *r, &body{ReadCloser: r.Body, header: header}
	copied.Body = wrapped
	return &copied, func() bool { return !wrapped.read }
}

type body struct {
	io.ReadCloser
	header http.Header
	read   bool // to its end
}

func (b *body) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if errors.Is(err, io.EOF) {
		b.header.Del("Connection")
		b.read = true
	}
	return n, err
}

var (
	// ErrBusy is the error of a body for which there are no bytes left.
	ErrBusy = errors.New("too many bytes of other requests are in flight")
	// ErrTooLarge is the error of a body that is longer than it may be.
	ErrTooLarge = errors.New("the body is too large")
)

// Bodies bounds the bytes of bodies in flight. Small bodies have a budget of their own, so that large
// ones, which arrive slowly, keep no small one away.
type Bodies struct {
	most  int64 // bytes of a small body
	small *Budget
	large *Budget
}

// NewBodies returns budgets for bodies of at most so many bytes, and for larger ones.
func NewBodies(most, small, large int64) *Bodies {
	return &Bodies{most: most, small: NewBudget(small), large: NewBudget(large)}
}

// Charge is what one request has taken.
type Charge struct {
	of           *Bodies
	small, large int64
	until        <-chan struct{} // see HoldUntil
}

// Charge begins to charge a request.
func (b *Bodies) Charge() *Charge { return &Charge{of: b} }

// Add charges further bytes, and reports whether there were any left. All of a body that turns out
// to be large is charged as large.
func (c *Charge) Add(bytes int64) bool {
	if c.small+c.large+bytes <= c.of.most {
		taken := c.of.small.Take(bytes)
		if taken {
			c.small += bytes
		}
		return taken
	}
	if !c.of.large.Take(c.small + bytes) {
		return false
	}
	c.of.small.Return(c.small)
	c.small, c.large = 0, c.small+c.large+bytes
	return true
}

// HoldUntil makes Release wait, in the background, until done is closed: what was read of the body
// stays in memory for so long.
func (c *Charge) HoldUntil(done <-chan struct{}) { c.until = done }

// Release gives everything back, at the end of the request.
func (c *Charge) Release() {
	if until := c.until; until != nil {
		c.until = nil
		go func() {
			<-until
			c.Release()
		}()
		return
	}
	c.of.small.Return(c.small)
	c.of.large.Return(c.large)
	c.small, c.large = 0, 0
}

// ReadAll reads a body of at most limit bytes; size is how many are announced, negative for a body
// of unknown length. Bytes are charged before they are read. Its errors are ErrBusy, ErrTooLarge
// and those of the body.
func (c *Charge) ReadAll(from io.Reader, size, limit int64) ([]byte, error) {
	const least = 512
	if size > limit {
		return nil, ErrTooLarge
	}
	var content []byte
	for next := max(size+1, least); ; next = int64(cap(content)) { // one more than announced, for the end
		next = min(next, limit+1-int64(cap(content)))
		if !c.Add(next) {
			return nil, ErrBusy
		}
		content = append(make([]byte, 0, int64(cap(content))+next), content...)
		for len(content) < cap(content) {
			n, err := from.Read(content[len(content):cap(content)])
			content = content[:len(content)+n]
			switch {
			case int64(len(content)) > limit:
				return nil, ErrTooLarge
			case errors.Is(err, io.EOF):
				return content, nil
			case err != nil:
				return nil, err
			}
		}
	}
}
