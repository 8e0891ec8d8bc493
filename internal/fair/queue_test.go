package fair

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const workers = 8

func newQueue(t *testing.T) *Queue {
	t.Helper()
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Second, time.Minute)
	q, ok := NewQueue("", limiter).(*Queue)
	if !ok {
		t.Fatal("another queue")
	}
	t.Cleanup(q.ShutDown)
	return q
}

func request(namespace string, n int) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: fmt.Sprint("object-", n)}}
}

func add(q *Queue, namespace string, count int) {
	for n := range count {
		q.Add(request(namespace, n))
	}
}

func get(t *testing.T, q *Queue) reconcile.Request {
	t.Helper()
	if q.Len() == 0 {
		t.Fatal("there is no request")
	}
	return awaited(t, q)
}

// awaited waits for the next request.
func awaited(t *testing.T, q *Queue) reconcile.Request {
	t.Helper()
	request, shutdown := q.Get()
	if shutdown {
		t.Fatal("shut down")
	}
	return request
}

// getMany returns how many of the next requests are of each namespace.
func getMany(t *testing.T, q *Queue, count int) map[string]int {
	t.Helper()
	got := map[string]int{}
	for range count {
		got[get(t, q).Namespace]++
	}
	return got
}

func TestNamespaceAloneHasAllWorkersInTheOrderOfItsRequests(t *testing.T) {
	q := newQueue(t)
	add(q, "growth", 100)
	for n := range workers {
		if got := get(t, q); got != request("growth", n) {
			t.Errorf("got %s, want that of %d", got, n)
		}
	}
}

func TestFreeWorkerGoesToTheNamespaceThatHasFewest(t *testing.T) {
	q := newQueue(t)
	add(q, "crowd", 1000)
	getMany(t, q, workers)
	add(q, "quiet", 2)
	q.Done(request("crowd", 0))
	if got := get(t, q); got != request("quiet", 0) {
		t.Errorf("got %s", got)
	}
	q.Done(request("crowd", 1))
	if got := get(t, q); got != request("quiet", 1) {
		t.Errorf("got %s", got)
	}
}

func TestNamespacesThatWaitHaveEquallyManyWorkers(t *testing.T) {
	q := newQueue(t)
	add(q, "a", 1000)
	add(q, "b", 10)
	if got := getMany(t, q, workers); got["a"] != workers/2 || got["b"] != workers/2 {
		t.Errorf("got %v", got)
	}
	// A worker that is done with b goes to b again, although a has waited longer.
	for n := range 6 {
		q.Done(request("b", n))
		if got := get(t, q); got.Namespace != "b" {
			t.Errorf("got %s", got)
		}
	}
}

func TestNamespacesTakeTurnsWhileEachHasAWorker(t *testing.T) {
	q := newQueue(t)
	for n := range workers {
		add(q, fmt.Sprint("shop-", n), 10)
	}
	for range 3 {
		got := map[string]int{}
		var handedOut []reconcile.Request
		for range workers {
			r := get(t, q)
			got[r.Namespace]++
			handedOut = append(handedOut, r)
		}
		if len(got) != workers {
			t.Errorf("got %v", got)
		}
		for _, r := range handedOut {
			q.Done(r)
		}
	}
}

func TestRequestsOfLowPriorityComeLastInTheirNamespace(t *testing.T) {
	q := newQueue(t)
	low := -100
	for n := range 4 {
		q.AddWithOpts(priorityqueue.AddOpts{Priority: &low}, request("growth", n))
	}
	q.Add(request("growth", 2)) // it is there already
	q.Add(request("growth", 9))
	q.AddWithOpts(priorityqueue.AddOpts{Priority: &low}, request("growth", 9))
	var got []string
	for range 5 {
		r, priority, _ := q.GetWithPriority()
		got = append(got, fmt.Sprint(r.Name, " ", priority))
	}
	want := []string{"object-2 0", "object-9 0", "object-0 -100", "object-1 -100", "object-3 -100"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// A low priority does not keep a namespace behind others.
	q.AddWithOpts(priorityqueue.AddOpts{Priority: &low}, request("quiet", 0))
	add(q, "growth", 9)
	if r := get(t, q); r.Namespace != "quiet" {
		t.Errorf("got %s", r)
	}
}

func TestRequestIsHandedOutAgainOnlyOnceItIsDone(t *testing.T) {
	q := newQueue(t)
	add(q, "growth", 1)
	first := get(t, q)
	add(q, "growth", 1)
	add(q, "growth", 1)
	if q.Len() > 0 {
		t.Error("two workers have one request")
	}
	q.Done(first)
	if got := get(t, q); got != first || q.Len() > 0 {
		t.Errorf("got %s, and %d are left", got, q.Len())
	}
}

func TestRequestsWaitAsLongAsTheyAreToldTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t)
		q.AddAfter(request("growth", 1), time.Minute)
		q.AddRateLimited(request("growth", 0))
		began := time.Now()
		for n, want := range []time.Duration{time.Second, time.Minute} {
			if got, _ := q.Get(); got != request("growth", n) || time.Since(began) != want {
				t.Errorf("got %s after %s", got, time.Since(began))
			}
		}
		q.ShutDown()
	})
}

func TestRequestThatIsReadyEarlierIsHandedOutOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t)
		defer q.ShutDown()
		began := time.Now()
		q.AddAfter(request("growth", 0), time.Hour)
		q.AddAfter(request("growth", 0), time.Minute)
		q.AddAfter(request("growth", 0), time.Hour)
		if got := awaited(t, q); got != request("growth", 0) || time.Since(began) != time.Minute {
			t.Errorf("got %s after %s", got, time.Since(began))
		}
		q.Done(request("growth", 0))

		q.AddAfter(request("growth", 1), time.Hour)
		q.Add(request("growth", 1))
		q.Done(get(t, q))
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if n := q.Len(); n != 0 || len(q.delayed.waiting) != 0 {
			t.Errorf("%d are ready, %d wait", n, len(q.delayed.waiting))
		}
	})
}

// Their timers fire while further requests are added.
func TestRequestsThatWaitAnInstantAreAllHandedOut(t *testing.T) {
	q := newQueue(t)
	const count = 1000
	for n := range count {
		q.AddAfter(request("growth", n), time.Nanosecond)
	}
	for range count {
		q.Done(awaited(t, q))
	}
}

func TestFailuresOfARequestAreCountedUntilItIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t)
		defer q.ShutDown()
		for range 3 {
			q.AddRateLimited(request("growth", 0))
			q.Done(awaited(t, q))
		}
		if n := q.NumRequeues(request("growth", 0)); n != 3 {
			t.Errorf("%d failures", n)
		}
		q.Forget(request("growth", 0))
		if n := q.NumRequeues(request("growth", 0)); n != 0 {
			t.Errorf("%d failures of a request that is forgotten", n)
		}
	})
}

func TestQueueThatIsShutDownHandsOutNothing(t *testing.T) {
	q := newQueue(t)
	add(q, "growth", 10)
	q.AddAfter(request("growth", 11), time.Millisecond)
	q.ShutDown()
	q.AddAfter(request("growth", 12), time.Millisecond)
	if n := len(q.delayed.waiting); n > 0 {
		t.Errorf("%d requests wait for their time", n)
	}
	if got, shutdown := q.Get(); !shutdown {
		t.Errorf("got %s", got)
	}
}

func TestNothingIsKeptOfRequestsThatAreDone(t *testing.T) {
	q := newQueue(t)
	for n := range 100 {
		namespace := fmt.Sprint("preview-", n)
		q.Add(request(namespace, 0))
		q.Done(get(t, q))
	}
	if o := q.order; len(o.tenants)+len(o.turns)+len(o.priorities)+len(o.atWork)+o.requests > 0 {
		t.Errorf("it keeps %+v", o)
	}
}

func TestShutDownWithDrainWaitsForNoDiscardedRequest(t *testing.T) {
	q := newQueue(t)
	add(q, "growth", 2)
	q.ShutDown()
	if got, shutdown := q.Get(); !shutdown {
		t.Errorf("got %s", got)
	}
	drained := make(chan struct{})
	go func() {
		q.ShutDownWithDrain()
		close(drained)
	}()
	select {
	case <-drained:
	case <-time.After(5 * time.Second):
		t.Error("it waits")
	}
}

func TestDoneOfARequestThatIsNotAtWorkChangesNothing(t *testing.T) {
	q := newQueue(t)
	q.Done(request("unknown", 0))
	add(q, "growth", 2)
	q.Done(request("growth", 0))
	if q.Len() != 2 {
		t.Errorf("%d requests wait", q.Len())
	}
	getMany(t, q, 2)
	q.Done(request("growth", 0))
	q.Done(request("growth", 0))
	if workers := q.order.tenants["growth"].workers; workers != 1 {
		t.Errorf("it has %d workers", workers)
	}
}
