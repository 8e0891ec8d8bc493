package links

import (
	"context"
	"runtime"
)

// Loader is for tests of how questions are put together.
type Loader struct{ *loader }

// NewLoader asks load.
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

// Settle returns once no question is in progress.
func (d *Directory) Settle() {
	for !d.loader.batch.Idle() {
		runtime.Gosched()
	}
}
