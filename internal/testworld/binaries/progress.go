package binaries

import (
	"fmt"
	"os"
	"time"
)

// say prints a line about work that takes time.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "testworld: "+format+"\n", args...)
}

// sayWhile repeats what is running, with the time it has taken, until stop is called. A step that
// ends within the first pause prints nothing.
func sayWhile(what string) (stop func()) {
	const pause = 5 * time.Second
	began := time.Now()
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				say("%s … %s", what, time.Since(began).Round(time.Second))
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}
