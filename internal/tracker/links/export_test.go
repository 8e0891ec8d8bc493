package links

import (
	"context"
	"runtime"
)

// Loader is for tests of how queries are combined.
type Loader struct{ *loader }

// NewLoader returns a loader that calls load.
func NewLoader(load func(context.Context, []string) (map[string]*Link, error)) *Loader {
	return &Loader{newLoader(load)}
}

// Ask returns a function that waits for the answer.
func (l *Loader) Ask(ctx context.Context, code string) func() (*Link, error) {
	c := l.request(ctx, code)
	return func() (*Link, error) {
		answer, err := c.Wait(context.WithoutCancel(ctx))
		if err != nil {
			return nil, err
		}
		return answer.link, answer.err
	}
}

// Remembers reports whether a link of that code is in memory.
func (d *Directory) Remembers(code string) bool {
	_, ok := d.links.Get(d.normal(code))
	return ok
}

// Settle returns once no query is in progress.
func (d *Directory) Settle() {
	for !d.loader.batch.Idle() {
		runtime.Gosched()
	}
}
