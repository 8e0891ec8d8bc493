package controllers

import (
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// failing remembers since when uses of a database have failed, or were refused, by the object of the
// reconciles. The zero value remembers none.
type failing struct {
	mu    sync.Mutex
	since map[client.ObjectKey]time.Time
}

// lasts records a failure, and returns for how long there have been failures without an end.
func (f *failing) lasts(object client.ObjectKey, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.since == nil {
		f.since = map[client.ObjectKey]time.Time{}
	}
	first, found := f.since[object]
	if !found {
		first = now
		f.since[object] = now
	}
	return now.Sub(first)
}

// ended records the end of the failures, or that the object is gone.
func (f *failing) ended(object client.ObjectKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.since, object)
}
