// Package fair is the queue of a controller whose objects belong to many tenants. A namespace is a
// tenant.
package fair

import (
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Queue gives a free worker a request of the namespace that has the fewest workers at that moment.
// So namespaces whose requests wait have equally many workers, however long a request takes and
// however many wait, and a namespace that is alone has all workers. Within a namespace, requests of
// a low priority, such as those for objects that exist at the start, come last.
type Queue struct {
	workqueue.TypedInterface[reconcile.Request] // of requests that are ready
	order                                       *order
	limiter                                     workqueue.TypedRateLimiter[reconcile.Request]
	delayed                                     *delayed
}

var _ priorityqueue.PriorityQueue[reconcile.Request] = &Queue{}

// NewQueue returns a queue for the options of a controller. limiter decides how long a request
// waits that is added after a failure.
func NewQueue(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	order := newOrder()
	ready := workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[reconcile.Request]{Name: name, Queue: order})
	return &Queue{ready, order, limiter, newDelayed(ready.Add)}
}

// AddWithOpts adds requests with a priority; without one it is 0. A request that is there already
// keeps the higher of two priorities, and the earlier of two times.
func (q *Queue) AddWithOpts(options priorityqueue.AddOpts, requests ...reconcile.Request) {
	priority := 0
	if options.Priority != nil {
		priority = *options.Priority
	}
	for _, request := range requests {
		q.order.prioritise(request, priority)
		after := options.After
		if options.RateLimited {
			after = q.limiter.When(request)
		}
		q.delayed.add(request, after)
	}
}

// Add adds a request of priority 0.
func (q *Queue) Add(request reconcile.Request) {
	q.AddWithOpts(priorityqueue.AddOpts{}, request)
}

// AddAfter adds a request of priority 0 after a while.
func (q *Queue) AddAfter(request reconcile.Request, after time.Duration) {
	q.AddWithOpts(priorityqueue.AddOpts{After: after}, request)
}

// AddRateLimited adds a request of priority 0 after the time that the limiter says.
func (q *Queue) AddRateLimited(request reconcile.Request) {
	q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true}, request)
}

// GetWithPriority waits for a request. A queue that is shut down hands out none of those that it
// has.
func (q *Queue) GetWithPriority() (request reconcile.Request, priority int, shutdown bool) {
	request, shutdown = q.TypedInterface.Get()
	if shutdown || q.ShuttingDown() {
		return reconcile.Request{}, 0, true
	}
	return request, q.order.priorityOf(request), false
}

// Get is GetWithPriority without the priority.
func (q *Queue) Get() (request reconcile.Request, shutdown bool) {
	request, _, shutdown = q.GetWithPriority()
	return request, shutdown
}

// Done ends the work on a request. If it was added meanwhile, it is handed out again. Done of a
// request that is not at work changes nothing.
func (q *Queue) Done(request reconcile.Request) {
	if q.order.done(request) {
		q.TypedInterface.Done(request)
	}
}

// Forget ends the series of failures of a request.
func (q *Queue) Forget(request reconcile.Request) { q.limiter.Forget(request) }

// NumRequeues returns how often a request was added after a failure.
func (q *Queue) NumRequeues(request reconcile.Request) int { return q.limiter.NumRequeues(request) }

// ShutDown has the queue hand out nothing more.
func (q *Queue) ShutDown() {
	q.delayed.stop()
	q.TypedInterface.ShutDown()
}

// ShutDownWithDrain is ShutDown. It does not wait for the requests that the queue still has, since
// they are not handed out.
func (q *Queue) ShutDownWithDrain() { q.ShutDown() }
