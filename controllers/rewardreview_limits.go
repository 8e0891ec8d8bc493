package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// A slow database keeps no other tenant waiting: a replica answers one review of a database at a
// time, and few of a namespace.
const (
	// reviewWorkers bounds the reviews that a process answers at a time.
	reviewWorkers = 8

	// reviewsPerNamespace is how many of them are of one namespace.
	reviewsPerNamespace = 2

	// shortestReviewWait and longestReviewWait bound the wait of a review that finds its database or
	// namespace busy.
	shortestReviewWait = 20 * time.Millisecond
	longestReviewWait  = time.Second
)

// reviewLimits bound how many reviews of a database and of a namespace are answered at a time.
type reviewLimits struct {
	mu         sync.Mutex
	databases  map[types.NamespacedName]bool
	namespaces map[string]int
	admitted   map[types.NamespacedName]types.UID // reviews that were admitted and are not answered yet

	retries *busyRetries
}

func newReviewLimits() *reviewLimits {
	return &reviewLimits{
		databases: map[types.NamespacedName]bool{}, namespaces: map[string]int{}, admitted: map[types.NamespacedName]types.UID{},
		retries: newBusyRetries(shortestReviewWait, longestReviewWait),
	}
}

// enter begins to answer a review of a database, unless the database or its namespace has enough at
// work. leave ends it.
func (l *reviewLimits) enter(database types.NamespacedName) (leave func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.databases[database] || l.namespaces[database.Namespace] >= reviewsPerNamespace {
		return nil, false
	}
	l.databases[database] = true
	l.namespaces[database.Namespace]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.databases, database)
		if l.namespaces[database.Namespace]--; l.namespaces[database.Namespace] == 0 {
			delete(l.namespaces, database.Namespace)
		}
	}, true
}

// remember records that a review has been admitted.
func (l *reviewLimits) remember(review types.NamespacedName, uid types.UID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.admitted[review] = uid
}

// wasAdmitted reports whether a review has been admitted and not been forgotten since.
func (l *reviewLimits) wasAdmitted(review types.NamespacedName, uid types.UID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.admitted[review] == uid
}

// forget drops what is known of a review that is answered or gone.
func (l *reviewLimits) forget(review types.NamespacedName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.admitted, review)
}
