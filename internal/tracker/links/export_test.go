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
	c, err := l.request(ctx, code)
	return func() (*Link, error) {
		if err != nil {
			return nil, err
		}
		answer, err := c.Wait(context.WithoutCancel(ctx))
		if err != nil {
			return nil, err
		}
		return answer.link, answer.err
	}
}

// Full requests a code, and reports whether too many wait already.
func (l *Loader) Full(ctx context.Context, code string) bool {
	_, err := l.request(ctx, code)
	return err != nil
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
