// Package quota shares memory of the process out among tenants, so that none of them takes what the
// others need.
package quota

import "sync"

// Quota is memory for one purpose, which tenants reserve before they use it.
type Quota struct {
	most func(others int) int

	mu       sync.Mutex
	reserved int
	tenants  map[string]int // by tenant
}

// New returns a Quota. most returns how many bytes one tenant may reserve while all other tenants
// together have reserved others bytes.
func New(most func(others int) int) *Quota {
	return &Quota{most: most, tenants: map[string]int{}}
}

// Reserve reserves so many bytes for a tenant, and reports whether it could.
func (q *Quota) Reserve(tenant string, bytes int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if has := q.tenants[tenant]; has+bytes > q.most(q.reserved-has) {
		return false
	}
	q.reserved += bytes
	q.tenants[tenant] += bytes
	return true
}

// Release ends the reservation of so many bytes.
func (q *Quota) Release(tenant string, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reserved -= bytes
	if q.tenants[tenant] -= bytes; q.tenants[tenant] == 0 {
		delete(q.tenants, tenant)
	}
}

// Reserved returns how many bytes all tenants have reserved.
func (q *Quota) Reserved() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.reserved
}
