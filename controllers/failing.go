package controllers

import (
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// failing remembers since when each use of a campaign's database has failed. The zero value
// remembers none.
type failing struct {
	mu    sync.Mutex
	since map[client.ObjectKey]time.Time
}

// lasts records a failure, and returns for how long uses have failed without a success.
func (f *failing) lasts(campaign client.ObjectKey, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.since == nil {
		f.since = map[client.ObjectKey]time.Time{}
	}
	first, found := f.since[campaign]
	if !found {
		first = now
		f.since[campaign] = now
	}
	return now.Sub(first)
}

// ended records a success, or that the campaign is gone.
func (f *failing) ended(campaign client.ObjectKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.since, campaign)
}
