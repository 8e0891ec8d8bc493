package testworld

import (
	"runtime"
	"runtime/debug"
	"time"
)

// HeapGrowth returns by how many bytes the heap grows at most while a function runs. Objects that
// are freed meanwhile hardly count. No other test may run beside it.
func HeapGrowth(run func()) int64 {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	runtime.GC()
	before, peak := heap(), uint64(0)
	done, sampled := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sampled)
		for {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
				peak = max(peak, heap())
			}
		}
	}()
	run()
	close(done)
	<-sampled
	return int64(max(peak, heap())) - int64(before)
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
