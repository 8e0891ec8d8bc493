package postgres

import (
	"slices"
	"time"
)

// Limits bound an attempt to write a batch of rows: each wait for a lock, and each statement.
type Limits struct{ Lock, Statement time.Duration }

const (
	// mostParts is into how many parts a batch is split. With as many, a slow or locked row among 256
	// makes only two further attempts end after their limits: one of 16 rows, and one of the row alone.
	mostParts = 16
	// partLock and partStatement are limits of further attempts after one that has reached a limit.
	// 256 locked rows, or four slow ones, must be found within a few seconds. A statement of 16 rows that
	// are slow, as on a database that has just started, must be done in time.
	partLock      = 10 * time.Millisecond
	partStatement = 750 * time.Millisecond
)

// After returns the limits of further attempts to write rows of the same batch after one that failed
// with err. They are shorter if err is that a limit was reached.
func (l Limits) After(err error) Limits {
	switch {
	case LockTimeout(err):
		l.Lock = min(l.Lock, partLock)
	case StatementTimeout(err):
		l.Statement = min(l.Statement, partStatement)
		l.Lock = min(l.Lock, l.Statement/2) // a wait for a lock must end as one
	}
	return l
}

// Divisible reports whether a batch of rows failed for a reason that may be that of some rows alone, so
// that parts of it may be written: the server refuses them, or they are locked, too slow or too many.
func Divisible(err error) bool {
	return Refused(err) || LockTimeout(err) || FaultOf(err) == FaultBatch
}

// Split returns the parts of a batch that failed with err, or nil if no part is likely to be written.
func Split[T any](batch []T, err error) [][]T {
	if len(batch) < 2 || !Divisible(err) {
		return nil
	}
	return slices.Collect(slices.Chunk(batch, (len(batch)+mostParts-1)/mostParts))
}
