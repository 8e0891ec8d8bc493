package links

import (
	"context"
	"sync"
)

// loader asks about many codes at once: whoever comes while a question is under
// way waits for the next one, together with all others who do. So the database
// has one question at a time, however many visitors there are, and a lone
// visitor waits for nobody.
type loader struct {
	// load answers about all the codes, or about none.
	load func(ctx context.Context, codes []string) (map[string]*Link, error)

	mu      sync.Mutex
	next    map[string]*call
	running bool
}

const mostAsked = 1000 // codes in one question

// call is what everybody who waits for one code shares.
type call struct {
	done chan struct{} // closed once the rest is there
	link *Link
	err  error
}

// ask has a code in the next question.
func (l *loader) ask(ctx context.Context, code string) *call {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c, ok := l.next[code]; ok {
		return c
	}
	if l.next == nil {
		l.next = map[string]*call{}
	}
	c := &call{done: make(chan struct{})}
	l.next[code] = c
	if !l.running {
		l.running = true
		// Whoever asked first may leave while others wait for the answer.
		go l.run(context.WithoutCancel(ctx))
	}
	return c
}

// run asks until nobody waits.
func (l *loader) run(ctx context.Context) {
	for {
		calls := l.take()
		if len(calls) == 0 {
			return
		}
		codes := make([]string, 0, len(calls))
		for code := range calls {
			codes = append(codes, code)
		}
		links, err := l.load(ctx, codes)
		for code, c := range calls {
			c.link, c.err = links[code], err
			if err == nil && c.link == nil {
				c.err = ErrUnknown
			}
			close(c.done)
		}
	}
}

func (l *loader) take() map[string]*call {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.next) <= mostAsked {
		calls := l.next
		l.next = nil
		l.running = len(calls) > 0
		return calls
	}
	calls := make(map[string]*call, mostAsked)
	for code, c := range l.next {
		if len(calls) == mostAsked {
			break
		}
		calls[code] = c
		delete(l.next, code)
	}
	return calls
}
