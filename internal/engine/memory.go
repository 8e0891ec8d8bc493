package engine

import (
	"sync"
	"time"

	"github.com/referral-operator/referral-operator/internal/quota"
)

// The batches of all databases together are bounded as well. Each may hold a little without asking,
// so that small batches never wait for others; beyond that it reserves. A tenant can reserve two
// thirds of what the others leave, so something is left to the next one, whatever the servers of the
// others do.
const (
	unreservedBytes = 1 << 20
	reservedAtOnce  = 1 << 20
	bytesPerProcess = 64 << 20
	bytesPerTenant  = 40 << 20 // two full batches, and steps of a resync beside them
)

// batchMemory is what the batches of this process have reserved.
var batchMemory = quota.New(func(others int) int { return min(bytesPerTenant, (bytesPerProcess-others)*2/3) })

// large lets one batch of the process hold more than bytesPerBatch. After it its tenant rests for
// as long as the batch took, so that a tenant has at most half of the time while others wait.
var large = largeBatch{rests: map[string]time.Time{}}

type largeBatch struct {
	mu    sync.Mutex
	runs  bool
	since time.Time
	rests map[string]time.Time // until when, by tenant
}

// begin lets a batch be the large one, and reports whether it could.
func (l *largeBatch) begin(tenant string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.runs || now.Before(l.rests[tenant]) {
		return false
	}
	for other, until := range l.rests { // few tenants have large referees at the same time
		if now.After(until) {
			delete(l.rests, other)
		}
	}
	l.runs, l.since = true, now
	return true
}

// end lets another batch be the large one.
func (l *largeBatch) end(tenant string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.runs = false
	l.rests[tenant] = now.Add(now.Sub(l.since))
}
