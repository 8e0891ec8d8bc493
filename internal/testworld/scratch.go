package testworld

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
)

// scratch is the directory of this process: data of servers, logs, built binaries. A janitor
// removes it when the process is gone.
var scratch struct {
	sync.Mutex
	dir     string
	janitor *os.File // our end of the janitor's standard input
}

// janitorScript waits until its input is closed, which the kernel does however this process ends,
// and then removes the directory. It retries while dying servers still write to it.
const janitorScript = `cat >/dev/null
for attempt in 1 2 3 4 5 6 7 8 9 10; do
	rm -rf -- "$1" && exit
	sleep 1
done`

// scratchDir returns a new directory in this process's scratch directory.
func scratchDir(prefix string) (string, error) {
	root, err := scratchRoot()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(root, prefix+"-")
	if err != nil {
		return "", fmt.Errorf("while making a directory for %s: %w", prefix, err)
	}
	return dir, nil
}

// ScratchDir returns a new directory whose files are removed with this process's test world,
// however the process ends.
func ScratchDir(prefix string) (string, error) { return scratchDir(prefix) }

func newLogFile(name string) (*os.File, error) {
	root, err := scratchRoot()
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(root, name+"-*.log")
	if err != nil {
		return nil, fmt.Errorf("while making a log file for %s: %w", name, err)
	}
	return file, nil
}

func scratchRoot() (string, error) {
	scratch.Lock()
	defer scratch.Unlock()
	if scratch.dir != "" {
		return scratch.dir, nil
	}
	dir, err := os.MkdirTemp(tempDir(), "referral-operator-")
	if err != nil {
		return "", fmt.Errorf("while making a scratch directory: %w", err)
	}
	// Postgres may run as another user: it may traverse the directory, but not list it.
	if err := os.Chmod(dir, 0o711); err != nil {
		return "", fmt.Errorf("while opening the scratch directory to Postgres: %w", err)
	}
	janitor, err := startJanitor(dir)
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	scratch.dir, scratch.janitor = dir, janitor
	return dir, nil
}

func startJanitor(dir string) (*os.File, error) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		return nil, fmt.Errorf("while looking for a shell: %w", err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("while making the janitor's pipe: %w", err)
	}
	defer func() { _ = read.Close() }() // the janitor has its own descriptor of it
	cmd := exec.Command(shell, "-c", janitorScript, "janitor", dir)
	cmd.Dir = "/"
	cmd.Stdin = read
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // out of reach of Ctrl-C
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("while starting the janitor: %w", err), write.Close())
	}
	go func() { _ = cmd.Wait() }()
	return write, nil
}

// removeScratch removes everything now; the janitor then has nothing to do.
func removeScratch() error {
	scratch.Lock()
	defer scratch.Unlock()
	if scratch.dir == "" {
		return nil
	}
	err := errors.Join(os.RemoveAll(scratch.dir), scratch.janitor.Close())
	scratch.dir, scratch.janitor = "", nil
	return err
}

// tempDir returns the usual directory for temporary files, unless this process is root and other
// users cannot reach that directory: Postgres could not start in it.
func tempDir() string {
	usual := os.TempDir()
	if os.Geteuid() == 0 && !everybodyReaches(usual) {
		return "/tmp"
	}
	return usual
}

// everybodyReaches reports whether any user may traverse dir and its parents.
func everybodyReaches(dir string) bool {
	const passForOthers fs.FileMode = 0o001
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false
	}
	for {
		info, err := os.Stat(resolved)
		if err != nil || info.Mode()&passForOthers == 0 {
			return false
		}
		parent := filepath.Dir(resolved)
		if parent == resolved {
			return true
		}
		resolved = parent
	}
}
