package hosting

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/referral-operator/referral-operator/internal/fair"
)

// reconcileAll has workers reconcile the requests of a queue until the queue is shut down. A
// reconcile returns after how long it is repeated; zero: never.
func reconcileAll(reconcile func(ctrl.Request) time.Duration) (queue workqueue.TypedRateLimitingInterface[ctrl.Request], stop func()) {
	queue = fair.NewQueue("", workqueue.DefaultTypedControllerRateLimiter[ctrl.Request]())
	var workers sync.WaitGroup
	for range reconcilers {
		workers.Go(func() {
			for {
				request, shutdown := queue.Get()
				if shutdown {
					return
				}
				if again := reconcile(request); again > 0 {
					queue.AddAfter(request, again)
				}
				queue.Done(request)
			}
		})
	}
	return queue, func() {
		queue.ShutDown()
		workers.Wait()
	}
}

// mostWait is how long an object may wait for a worker, whatever the databases of so many other
// namespaces do. A namespace waits behind those that have no worker either and came earlier.
func mostWait(namespaces int) time.Duration {
	turns := (namespaces + reconcilers - 1) / reconcilers
	return time.Duration(turns) * time.Second
}

// All the time more objects of the crowd are due than there are workers.
func TestDatabasesOfACrowdDelayNoOtherTenant(t *testing.T) {
	for name, test := range map[string]struct {
		namespaces, databases, objects int // databases of each namespace, objects of each database
		takes                          func(use int) time.Duration
	}{
		"one slow database with many campaigns": {1, 1, 1000, func(int) time.Duration { return 1900 * time.Millisecond }},
		"slow databases":                        {1, 60, 1, func(int) time.Duration { return 1900 * time.Millisecond }},
		"databases that are slow every other time": {1, 60, 1, func(use int) time.Duration {
			return 1900 * time.Millisecond * time.Duration(use%2)
		}},
		"databases that are hardly ever slow":            {1, 60, 1, func(int) time.Duration { return 950 * time.Millisecond }},
		"databases of many namespaces, hardly ever slow": {80, 1, 1, func(int) time.Duration { return 950 * time.Millisecond }},
		"a thousand quick databases":                     {1, 1000, 1, func(int) time.Duration { return 300 * time.Millisecond }},
	} {
		for kind, useOf := range map[string]func(*Registry) useFunc{
			"Use":     func(r *Registry) useFunc { return r.Use },
			"Prepare": func(r *Registry) useFunc { return r.Prepare },
		} {
			if kind == "Prepare" && test.objects > 1 {
				continue // a database is one object
			}
			t.Run(name+", "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := NewRegistry(Options{Reconcilers: reconcilers})
					var crowd []types.NamespacedName
					for n := range test.namespaces {
						crowd = append(crowd, serveUnconnected(r, fmt.Sprint("crowd-", n), test.databases)...)
					}
					longest, most := longestWait(t, r, useOf(r), crowd, test.objects, test.takes), mostWait(test.namespaces)
					if longest > most {
						t.Errorf("another tenant waits %s for a worker, at most %s are documented", longest, most)
					}
				})
			})
		}
	}
}

// longestWait has workers reconcile objects of the crowd all the time, and returns how long at most
// an object of another namespace waits for a worker.
func longestWait(
	t *testing.T, r *Registry, use useFunc, crowd []types.NamespacedName, objects int, takes func(use int) time.Duration,
) (longest time.Duration) {
	t.Helper()
	quiet := serveUnconnected(r, "quiet", 1)[0]
	answered := make(chan struct{}, 1)
	var mu sync.Mutex
	uses := map[ctrl.Request]int{}
	queue, stop := reconcileAll(func(request ctrl.Request) time.Duration {
		if request.NamespacedName == quiet {
			if err := use(t.Context(), quiet, immediate); err != nil {
				t.Error(err)
			}
			answered <- struct{}{}
			return 0
		}
		mu.Lock()
		uses[request]++
		takes := takes(uses[request])
		mu.Unlock()
		var database int
		if _, err := fmt.Sscan(request.Name, &database); err != nil {
			t.Error(err)
		}
		err := use(t.Context(), crowd[database], lasting(takes))
		if errors.Is(err, ErrBusy) || errors.Is(err, ErrSlow) {
			return 200 * time.Millisecond
		}
		return time.Second
	})
	for database, name := range crowd {
		for n := range objects {
			queue.Add(ctrl.Request{NamespacedName: types.NamespacedName{Namespace: name.Namespace, Name: fmt.Sprint(database, " ", n)}})
		}
	}
	for range 60 {
		asked := time.Now()
		queue.Add(ctrl.Request{NamespacedName: quiet})
		<-answered
		longest = max(longest, time.Since(asked))
		time.Sleep(770 * time.Millisecond) // not in step with the crowd
	}
	stop()
	return longest
}

// A namespace that is alone loses no worker to others that want none.
func TestThousandDatabasesOfOneNamespaceUseAllWorkers(t *testing.T) {
	for _, takes := range []time.Duration{10 * time.Millisecond, 300 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			r := NewRegistry(Options{Reconcilers: reconcilers})
			databases := serveUnconnected(r, "growth", 1000)
			var ready sync.WaitGroup
			ready.Add(len(databases))
			queue, stop := reconcileAll(func(request ctrl.Request) time.Duration {
				defer ready.Done()
				if err := r.Prepare(t.Context(), request.NamespacedName, lasting(takes)); err != nil {
					t.Error(err)
				}
				return 0
			})
			began := time.Now()
			for _, name := range databases {
				queue.Add(ctrl.Request{NamespacedName: name})
			}
			ready.Wait()
			if took, least := time.Since(began), takes*time.Duration(len(databases)/reconcilers); took > least {
				t.Errorf("of %s each: they take %s, and could take %s", takes, took, least)
			}
			stop()
		})
	}
}
