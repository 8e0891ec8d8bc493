package links

import (
	"context"
	"sync"

	"github.com/referral-operator/referral-operator/internal/tracker/batcher"
)

// mostAsked is the most codes in one query.
const mostAsked = 1000

// loader queries codes, one query at a time. Requests for the same code share one call.
type loader struct {
	// load returns the links of all the codes, or an error.
	load func(ctx context.Context, codes []string) (map[string]*Link, error)

	batch batcher.Batcher[string, loaded]

	mu   sync.Mutex
	next map[string]*call // codes whose query has not begun
}

// call is a code in a query, and its link once the query is answered.
type call = batcher.Call[string, loaded]

// loaded is the answer about one code.
type loaded struct {
	link *Link
	err  error
}

func newLoader(load func(context.Context, []string) (map[string]*Link, error)) *loader {
	l := &loader{load: load, next: map[string]*call{}}
	l.batch.Do, l.batch.BatchSize, l.batch.Parallel = l.ask, mostAsked, 1
	return l
}

// request adds a code to the next query.
func (l *loader) request(ctx context.Context, code string) *call {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.next[code]
	if !ok {
		// The first request may end while others wait for the answer.
		c, _ = l.batch.Add(context.WithoutCancel(ctx), code) // fails only where a limit is set
		l.next[code] = c
	}
	return c
}

// ask runs one query.
func (l *loader) ask(ctx context.Context, codes []string) []loaded {
	l.mu.Lock()
	for _, code := range codes {
		delete(l.next, code)
	}
	l.mu.Unlock()
	links, err := l.load(ctx, codes)
	answers := make([]loaded, len(codes))
	for i, code := range codes {
		answers[i] = loaded{links[code], err}
		if err == nil && links[code] == nil {
			answers[i].err = ErrUnknown
		}
	}
	return answers
}
