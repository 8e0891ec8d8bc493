package hosting

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// Feed hands names over to one reader at a time. A name that is added again before it was taken is taken once, and who
// adds never waits, so that a reader may go away and another come in its place.
type Feed struct {
	mu      sync.Mutex
	names   map[types.NamespacedName]struct{}
	arrived chan struct{}
}

// NewFeed returns an empty feed.
func NewFeed() *Feed {
	return &Feed{names: map[types.NamespacedName]struct{}{}, arrived: make(chan struct{}, 1)}
}

// Add puts a name into the feed.
func (f *Feed) Add(name types.NamespacedName) {
	f.mu.Lock()
	f.names[name] = struct{}{}
	f.mu.Unlock()
	signal(f.arrived)
}

// Arrived has a value when there may be something to take.
func (f *Feed) Arrived() <-chan struct{} { return f.arrived }

// Take empties the feed.
func (f *Feed) Take() []types.NamespacedName {
	f.mu.Lock()
	defer f.mu.Unlock()
	taken := make([]types.NamespacedName, 0, len(f.names))
	for name := range f.names {
		taken = append(taken, name)
	}
	clear(f.names)
	return taken
}

// signal wakes whoever waits on a channel with room for one value.
func signal(channel chan<- struct{}) {
	select {
	case channel <- struct{}{}:
	default: // somebody has been told already
	}
}
