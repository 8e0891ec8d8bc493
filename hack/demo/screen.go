package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// screen writes the demo's output. It uses colours only on a terminal, and never if NO_COLOR is
// set.
type screen struct {
	mutex  sync.Mutex // concurrent work reports through it
	out    io.Writer
	colour bool
	steps  int
}

const (
	bold  = "\x1b[1m"
	dim   = "\x1b[2m"
	green = "\x1b[32m"
	plain = "\x1b[0m"
)

func newScreen(out *os.File) *screen {
	return &screen{
		out: out,
		colour: term.IsTerminal(int(out.Fd())) &&
			os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
	}
}

// step begins a numbered part of the story.
func (s *screen) step(title string) {
	s.steps++
	s.print("\n" + s.paint(bold, fmt.Sprintf("== %d. %s", s.steps, title)) + "\n")
}

// tell prints a narrator's sentence.
func (s *screen) tell(text string) { s.print("\n" + text + "\n") }

// command shows a command after its prompt; "$" is a shell.
func (s *screen) command(prompt, text string) {
	var b strings.Builder
	for i, line := range strings.Split(text, "\n") {
		switch {
		case i == 0:
			b.WriteString("\n" + s.paint(green, prompt) + " " + s.paint(bold, line))
		case line == "":
			b.WriteString("\n")
		default: // below the first
			b.WriteString("\n" + strings.Repeat(" ", len(prompt)+1) + s.paint(bold, line))
		}
	}
	s.print(b.String() + "\n")
}

// output shows a command's output.
func (s *screen) output(text string) {
	if text = strings.TrimRight(text, "\n"); text != "" {
		s.print(text + "\n")
	}
}

// note prints a remark that is less important than the rest.
func (s *screen) note(format string, args ...any) {
	s.print(s.paint(dim, fmt.Sprintf(format, args...)) + "\n")
}

// during runs work that may take long. It reports how long the work took, and every few seconds
// that it is still running.
func (s *screen) during(what string, work func() error) error {
	const pause = 10 * time.Second
	began := time.Now()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	done := make(chan error, 1)
	go func() { done <- work() }()
	for {
		select {
		case err := <-done:
			if err == nil {
				s.note("%s: %.1f s", what, time.Since(began).Seconds())
			}
			return err
		case <-tick.C:
			s.note("%s … %.0f s", what, time.Since(began).Seconds())
		}
	}
}

func (s *screen) paint(style, text string) string {
	if !s.colour {
		return text
	}
	return style + text + plain
}

func (s *screen) print(text string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	_, _ = io.WriteString(s.out, text) // there is no other place to report it
}
