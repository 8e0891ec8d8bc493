package engine

import (
	"sync"
	"time"
)

// The batches of all databases together are bounded as well. Each may hold a little without asking,
// so that small batches never wait for others; beyond that it reserves. One tenant can reserve a
// part only: the rest is left to others, whatever the servers of that tenant do.
const (
	unreservedBytes = 1 << 20
	reservedAtOnce  = 1 << 20
	bytesPerProcess = 64 << 20
	bytesPerTenant  = 40 << 20 // two full batches, and steps of a resync beside them
)

// memory is what the batches of this process have reserved.
var memory = &batchMemory{
	reservations: newReservations(func(others int) int { return min(bytesPerTenant, bytesPerProcess-others) }),
	rests:        map[string]time.Time{},
}

// reservations is memory of the process that tenants have reserved.
type reservations struct {
	most func(others int) int // the most that a tenant may have while all others have so much

	mu       sync.Mutex
	reserved int
	tenants  map[string]int // by tenant
}

type batchMemory struct {
	*reservations

	// One batch of the process may hold more than bytesPerBatch. After it its tenant rests for as
	// long as the batch took, so that a tenant has at most half of the time while others wait.
	large      bool
	largeSince time.Time
	rests      map[string]time.Time // until when, by tenant
}

func newReservations(most func(others int) int) *reservations {
	return &reservations{most: most, tenants: map[string]int{}}
}

// take reserves so many bytes, and reports whether it could.
func (r *reservations) take(tenant string, bytes int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if has := r.tenants[tenant]; has+bytes > r.most(r.reserved-has) {
		return false
	}
	r.reserved += bytes
	r.tenants[tenant] += bytes
	return true
}

// give ends the reservation of so many bytes.
func (r *reservations) give(tenant string, bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reserved -= bytes
	if r.tenants[tenant] -= bytes; r.tenants[tenant] == 0 {
		delete(r.tenants, tenant)
	}
}

// takeLarge lets a batch be the large one, and reports whether it could.
func (r *batchMemory) takeLarge(tenant string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.large || now.Before(r.rests[tenant]) {
		return false
	}
	for other, until := range r.rests { // few tenants have large referees at the same time
		if now.After(until) {
			delete(r.rests, other)
		}
	}
	r.large, r.largeSince = true, now
	return true
}

// giveLarge lets another batch be the large one.
func (r *batchMemory) giveLarge(tenant string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.large = false
	r.rests[tenant] = now.Add(now.Sub(r.largeSince))
}
