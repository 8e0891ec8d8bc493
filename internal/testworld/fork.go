package testworld

import (
	"runtime"
	"sync"
)

// forks runs functions on one operating system thread that lives as long as this process.
//
// Linux sends a child its parent-death signal when the *thread* that forked it ends, and Go may end
// a thread at any time. Children that are forked here lose their parent only when the whole process
// ends.
var forks = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for run := range work {
			run()
		}
	}()
	return work
})

// onForkThread runs fork on that thread and returns its error.
func onForkThread(fork func() error) error {
	done := make(chan error)
	forks() <- func() { done <- fork() }
	return <-done
}
