package engine

import "sync/atomic"

// resyncPatience is how many steps of a resync in a row may fail before that counts: a conflict or
// a lost connection is no news.
const resyncPatience = 5

// resyncHealth counts failures of resync steps in a row.
type resyncHealth struct {
	inRow   atomic.Int32
	failure atomic.Pointer[error]
}

func (h *resyncHealth) failed(err error) {
	if h.inRow.Add(1) >= resyncPatience {
		h.failure.Store(&err)
	}
}

func (h *resyncHealth) succeeded() {
	h.inRow.Store(0)
	h.failure.Store(nil)
}

// ResyncErr returns why resyncs make no progress; nil when they do. Batches go on meanwhile: see Err.
func (e *Engine) ResyncErr() error {
	if failure := e.resyncHealth.failure.Load(); failure != nil {
		return *failure
	}
	return nil
}
