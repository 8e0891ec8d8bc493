package fair

import (
	"slices"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// order is the order in which requests that are ready are handed out. It implements
// workqueue.Queue.
type order struct {
	mu         sync.Mutex
	tenants    map[string]*tenant        // by namespace: those that have a request or a worker
	turns      []*tenant                 // those that have a request; the first has waited longest for a worker
	requests   int                       // how many there are
	priorities map[reconcile.Request]int // of those that have been added and not been handed out
	atWork     map[reconcile.Request]int // priorities of those that have been handed out and are not done
}

// tenant is a namespace.
type tenant struct {
	workers     int
	urgent, low []reconcile.Request // low: of a priority below 0
}

func newOrder() *order {
	return &order{tenants: map[string]*tenant{}, priorities: map[reconcile.Request]int{}, atWork: map[reconcile.Request]int{}}
}

// prioritise records the priority of a request that is about to be added.
func (o *order) prioritise(request reconcile.Request, priority int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if earlier, found := o.priorities[request]; !found || priority > earlier {
		o.priorities[request] = priority
	}
}

// Push adds a request.
func (o *order) Push(request reconcile.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.requests++
	t := o.tenants[request.Namespace]
	if t == nil {
		t = &tenant{}
		o.tenants[request.Namespace] = t
	}
	if !t.waits() {
		o.turns = append(o.turns, t)
	}
	if o.priorities[request] < 0 {
		t.low = append(t.low, request)
	} else {
		t.urgent = append(t.urgent, request)
	}
}

// Touch moves a request whose priority is not low any more.
func (o *order) Touch(request reconcile.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := o.tenants[request.Namespace]
	if t == nil || o.priorities[request] < 0 {
		return
	}
	if at := slices.Index(t.low, request); at >= 0 {
		t.low = slices.Delete(t.low, at, at+1)
		t.urgent = append(t.urgent, request)
	}
}

// Len returns how many requests there are.
func (o *order) Len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.requests
}

// Pop hands out a request of the namespace that has the fewest workers. Among namespaces with
// equally few workers, the one that has waited longest comes first.
func (o *order) Pop() reconcile.Request {
	o.mu.Lock()
	defer o.mu.Unlock()
	next := 0
	for i, t := range o.turns {
		if t.workers < o.turns[next].workers {
			next = i
		}
	}
	t := o.turns[next]
	request := t.next()
	o.turns = slices.Delete(o.turns, next, next+1)
	if t.waits() {
		o.turns = append(o.turns, t)
	}
	t.workers++
	o.requests--
	o.atWork[request] = o.priorities[request]
	delete(o.priorities, request)
	return request
}

// priorityOf returns the priority of a request that has been handed out.
func (o *order) priorityOf(request reconcile.Request) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.atWork[request]
}

// done records that a request is not at work any more, and reports whether it was.
func (o *order) done(request reconcile.Request) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, found := o.atWork[request]; !found {
		return false
	}
	delete(o.atWork, request)
	t := o.tenants[request.Namespace]
	if t.workers--; t.workers == 0 && !t.waits() {
		delete(o.tenants, request.Namespace)
	}
	return true
}

func (t *tenant) waits() bool { return len(t.urgent)+len(t.low) > 0 }

// next removes and returns the request that comes next.
func (t *tenant) next() reconcile.Request {
	list := &t.low
	if len(t.urgent) > 0 {
		list = &t.urgent
	}
	request := (*list)[0]
	*list = (*list)[1:]
	return request
}
