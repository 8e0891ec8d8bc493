package intake

import "sync/atomic"

// Budget is a number of bytes that may be in use at a time.
type Budget struct {
	most int64
	used atomic.Int64
}

// NewBudget returns a budget of so many bytes.
func NewBudget(most int64) *Budget { return &Budget{most: most} }

// Take takes bytes from the budget, and reports whether it had them. All or none are taken.
func (b *Budget) Take(bytes int64) bool {
	if b.used.Add(bytes) > b.most {
		b.used.Add(-bytes)
		return false
	}
	return true
}

// Return gives bytes back.
func (b *Budget) Return(bytes int64) { b.used.Add(-bytes) }
