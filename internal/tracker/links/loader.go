package links

import (
	"context"
	"strings"
	"sync"

	"github.com/referral-operator/referral-operator/internal/tracker/batcher"
)

const (
	// mostAsked is the most codes in one query.
	mostAsked = 1000
	// mostWaiting bounds how many codes wait for the next query, also those whose visitors are gone:
	// while the database stalls, anyone can request any number.
	mostWaiting = 2000
)

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
	l.batch.Do, l.batch.BatchSize, l.batch.Parallel, l.batch.Waiting = l.ask, mostAsked, 1, mostWaiting
	return l
}

// request adds a code to the next query, or returns batcher.ErrFull. What waits is a copy: the code
// is a part of its request, which would be kept whole.
func (l *loader) request(ctx context.Context, code string) (*call, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c, ok := l.next[code]; ok {
		return c, nil
	}
	code = strings.Clone(code)
	// The first request may end while others wait for the answer.
	c, err := l.batch.Add(context.WithoutCancel(ctx), code)
	if err == nil {
		l.next[code] = c
	}
	return c, err
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
