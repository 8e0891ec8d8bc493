package links

import (
	"context"
	"runtime"
)

// Loader is for tests of how questions are put together.
type Loader struct{ loader }

// NewLoader asks load.
func NewLoader(load func(context.Context, []string) (map[string]*Link, error)) *Loader {
	return &Loader{loader{load: load}}
}

// Ask returns a function that waits for the answer.
func (l *Loader) Ask(ctx context.Context, code string) func() (*Link, error) {
	c := l.ask(ctx, code)
	return func() (*Link, error) {
		<-c.done
		return c.link, c.err
	}
}

// Settle returns once nobody is asking any more.
func (d *Directory) Settle() {
	for {
		d.loader.mu.Lock()
		running := d.loader.running
		d.loader.mu.Unlock()
		if !running {
			return
		}
		runtime.Gosched()
	}
}
