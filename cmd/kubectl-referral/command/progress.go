package command

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/referral-operator/referral-operator/cmd/kubectl-referral/view"
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
	columns  int       // a longer line would leave a rest behind when it is rewritten
	next     time.Time // nothing is shown before
	shown    bool
}

func (s *session) newProgress() *progress {
	p := &progress{out: s.problems, terminal: isTerminal(s.problems), columns: view.Width, next: time.Now().Add(quiet)}
	if file, ok := s.problems.(*os.File); ok {
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil && columns > 1 {
			p.columns = min(columns, view.Width)
		}
	}
	return p
}

func (p *progress) show(text string) {
	now := time.Now()
	switch {
	case now.Before(p.next):
	case p.terminal:
		fmt.Fprintf(p.out, "\r\x1b[K%s", view.Cut(text, p.columns))
		p.shown = true
	default:
		fmt.Fprintln(p.out, view.OneLine(text))
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
