package fair

import (
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// delayed has the requests that wait for their time. One that becomes ready earlier is kept no
// longer: the delaying queue of client-go would keep that of an object that was deleted meanwhile
// until its time comes.
type delayed struct {
	ready func(reconcile.Request)

	mu      sync.Mutex
	waiting map[reconcile.Request]*waiting
	stopped bool
}

type waiting struct {
	until time.Time
	timer *time.Timer
}

// newDelayed returns a set without requests. ready is called with each whose time has come.
func newDelayed(ready func(reconcile.Request)) *delayed {
	return &delayed{ready: ready, waiting: map[reconcile.Request]*waiting{}}
}

// add makes a request ready after a while, or at once, unless it is to be ready earlier already.
func (d *delayed) add(request reconcile.Request, after time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopped {
		return
	}
	until := time.Now().Add(after)
	if earlier, found := d.waiting[request]; found {
		if after > 0 && !until.Before(earlier.until) {
			return
		}
		earlier.timer.Stop()
		delete(d.waiting, request)
	}
	if after <= 0 {
		d.ready(request)
		return
	}
	w := &waiting{until: until}
	w.timer = time.AfterFunc(after, func() { d.end(request, w) })
	d.waiting[request] = w
}

// end makes a request ready whose timer has fired, unless it was added anew meanwhile.
func (d *delayed) end(request reconcile.Request, w *waiting) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting[request] == w {
		delete(d.waiting, request)
		d.ready(request)
	}
}

// stop drops all requests, now and from now on.
func (d *delayed) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
	for _, w := range d.waiting {
		w.timer.Stop()
	}
	clear(d.waiting)
}
