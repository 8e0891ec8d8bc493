package command

import (
	"fmt"
	"io"
	"time"
)

const (
	// quiet is how long a command works before it shows progress.
	quiet = 2 * time.Second

	// lineInterval is the time between two lines of progress in a log.
	lineInterval = 10 * time.Second
)

// progress says what a command waits for: in one line that is rewritten on a terminal, and in lines
// of their own elsewhere.
type progress struct {
	out      io.Writer
	terminal bool
	next     time.Time // nothing is shown before
	shown    bool
}

func (s *session) newProgress() *progress {
	return &progress{out: s.problems, terminal: isTerminal(s.problems), next: time.Now().Add(quiet)}
}

func (p *progress) show(text string) {
	now := time.Now()
	switch {
	case now.Before(p.next):
	case p.terminal:
		fmt.Fprintf(p.out, "\r\x1b[K%s", text)
		p.shown = true
	default:
		fmt.Fprintln(p.out, text)
		p.next = now.Add(lineInterval)
	}
}

// clear removes the line of progress from a terminal.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.shown = false
	}
}
