package hosting

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// Feed hands names to one reader at a time. A name that is added twice before it is read is read
// once. Add never blocks, so a reader may stop and another continue.
type Feed struct {
	mu      sync.Mutex
	names   map[types.NamespacedName]struct{}
	arrived chan struct{}
}

// NewFeed returns an empty feed.
func NewFeed() *Feed {
	return &Feed{names: map[types.NamespacedName]struct{}{}, arrived: make(chan struct{}, 1)}
}

// Add adds a name to the feed.
func (f *Feed) Add(name types.NamespacedName) {
	f.mu.Lock()
	f.names[name] = struct{}{}
	f.mu.Unlock()
	signal(f.arrived)
}

// Arrived has a value when the feed may hold names.
func (f *Feed) Arrived() <-chan struct{} { return f.arrived }

// Drain removes all names from the feed and returns them.
func (f *Feed) Drain() []types.NamespacedName {
	f.mu.Lock()
	defer f.mu.Unlock()
	names := make([]types.NamespacedName, 0, len(f.names))
	for name := range f.names {
		names = append(names, name)
	}
	clear(f.names)
	return names
}

// signal wakes the reader of a channel with a buffer of one. A signal that has not been read yet is
// enough.
func signal(channel chan<- struct{}) {
	select {
	case channel <- struct{}{}:
	default:
	}
}
