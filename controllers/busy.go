package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// busySpacing is by how much each object that waits in a namespace lengthens the wait of all of
// them: while waits are within their bounds, the namespace has 200 retries a second, however many
// wait.
const busySpacing = 5 * time.Millisecond

// busyRetries decides when objects are tried again whose database is busy. The more objects of a
// namespace wait, the longer each of them waits. All of them wait equally long, so that new ones
// hardly overtake the others.
type busyRetries struct {
	shortest, longest time.Duration

	mu      sync.Mutex
	waiting map[string]map[string]bool // names by namespace
}

func newBusyRetries(shortest, longest time.Duration) *busyRetries {
	return &busyRetries{shortest: shortest, longest: longest, waiting: map[string]map[string]bool{}}
}

// busy returns the error of a reconcile that found its database busy. The object waits for its next
// reconcile, and no condition shows that.
func (b *busyRetries) busy(object types.NamespacedName, err error) error {
	return &waitingError{shown: never, requeueAfter: b.wait(object), err: err}
}

// longBusy is busy for an object that has waited for outagePatience. The wait shows in conditions,
// unless the object is settled.
func (b *busyRetries) longBusy(object types.NamespacedName, reason string, err error) error {
	return &waitingError{reason: reason, shown: unlessSettled, requeueAfter: b.wait(object), err: err}
}

// wait records that an object waits, and returns for how long.
func (b *busyRetries) wait(object types.NamespacedName) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	names := b.waiting[object.Namespace]
	if names == nil {
		names = map[string]bool{}
		b.waiting[object.Namespace] = names
	}
	names[object.Name] = true
	return min(max(time.Duration(len(names))*busySpacing, b.shortest), b.longest)
}

// begin records that a reconcile of an object begins, which therefore does not wait any more.
func (b *busyRetries) begin(object types.NamespacedName) {
	b.mu.Lock()
	defer b.mu.Unlock()
	names := b.waiting[object.Namespace]
	if delete(names, object.Name); len(names) == 0 {
		delete(b.waiting, object.Namespace)
	}
}
