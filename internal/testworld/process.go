package testworld

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ProcessOptions say what to run. Only Path is required.
type ProcessOptions struct {
	Path string
	Args []string
	Env  []string // added to this process's environment
	Dir  string   // working directory; empty: this process's

	user     *syscall.Credential // nil: as this process
	orphaned syscall.Signal      // sent when this process dies; zero: SIGKILL
	files    []*os.File          // its descriptors from 3 on
}

// Process is a running child. Its standard output and error are in one file, and it does not
// outlive this process.
type Process struct {
	name    string
	cmd     *exec.Cmd
	logPath string
	exited  chan struct{}
	exitErr error // readable once exited is closed
}

// StartProcess starts a child and returns at once.
func StartProcess(options ProcessOptions) (*Process, error) {
	name := filepath.Base(options.Path)
	log, err := newLogFile(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own descriptor of it

	if options.orphaned == 0 {
		options.orphaned = syscall.SIGKILL
	}
	cmd := exec.Command(options.Path, options.Args...)
	cmd.Env = append(os.Environ(), options.Env...)
	cmd.Dir = options.Dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = options.files
	cmd.SysProcAttr = childAttributes(options.user, options.orphaned)
	if err := onForkThread(cmd.Start); err != nil {
		return nil, fmt.Errorf("while starting %s: %w", name, err)
	}

	p := &Process{name: name, cmd: cmd, logPath: log.Name(), exited: make(chan struct{})}
	go func() {
		p.exitErr = cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// Pid is the child's process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// PeakMemory returns the peak resident memory of the running child in MiB; see proc(5). Where the
// kernel does not tell, the error is errors.ErrUnsupported.
func (p *Process) PeakMemory() (float64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	if err != nil {
		return 0, fmt.Errorf("while reading how much memory %s used: %w", p.name, err)
	}
	for line := range strings.Lines(string(content)) {
		var kib float64
		if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &kib); err == nil {
			return kib / 1024, nil
		}
	}
	return 0, fmt.Errorf("the kernel does not tell how much memory %s used: %w", p.name, errors.ErrUnsupported)
}

// Exited is closed when the child has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Running says whether the child has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// LogPath is the file with everything the child printed.
func (p *Process) LogPath() string { return p.logPath }

// Log is everything the child has printed so far.
func (p *Process) Log() string {
	content, err := os.ReadFile(p.logPath)
	if err != nil {
		return fmt.Sprintf("(no log: %v)", err)
	}
	return string(content)
}

// Signal sends a signal; a child that has already ended is no error.
func (p *Process) Signal(signal os.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("while sending %s to %s: %w", signal, p.name, err)
	}
	return nil
}

// Wait waits for the end and returns the exit code, -1 if a signal ended it.
func (p *Process) Wait(ctx context.Context) (int, error) {
	select {
	case <-p.exited:
	case <-ctx.Done():
		return 0, fmt.Errorf("while waiting for %s to end: %w", p.name, ctx.Err())
	}
	var exit *exec.ExitError
	if p.exitErr != nil && !errors.As(p.exitErr, &exit) {
		return 0, fmt.Errorf("while waiting for %s to end: %w", p.name, p.exitErr)
	}
	return p.cmd.ProcessState.ExitCode(), nil
}

// Kill ends the child with SIGKILL and returns when it is gone.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.exited
	return nil
}

// Stop asks with SIGTERM and kills when that took longer than patience.
func (p *Process) Stop(patience time.Duration) error {
	return p.stopWith(syscall.SIGTERM, patience)
}

func (p *Process) stopWith(signal syscall.Signal, patience time.Duration) error {
	if err := p.Signal(signal); err != nil {
		return err
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(patience):
	}
	if err := p.Kill(); err != nil {
		return err
	}
	return fmt.Errorf("%s did not end within %s of %s and was killed", p.name, patience, signal)
}

// waitUntil polls probe until it succeeds. It gives up when the child ends or the context does, and
// shows the end of the child's log then.
func (p *Process) waitUntil(ctx context.Context, probe func(context.Context) error) error {
	const pause = 25 * time.Millisecond
	for {
		attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := probe(attempt)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended while starting: %w\n%s", p.name, errOrExit(p.exitErr), p.logTail(errorLines))
		case <-ctx.Done():
			return fmt.Errorf("%s did not become ready: %w (last: %w)\n%s", p.name, ctx.Err(), err, p.logTail(errorLines))
		case <-time.After(pause):
		}
	}
}

// errorLines of a log are enough in an error message.
const errorLines = 15

func errOrExit(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// logTail is the end of the log.
func (p *Process) logTail(count int) string {
	lines := strings.Split(strings.TrimSpace(p.Log()), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}
