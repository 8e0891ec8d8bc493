package testworld

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// unprivileged returns the user for Postgres if this process is root, because Postgres refuses to
// run as root; otherwise nil.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, fmt.Errorf("while looking up the user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("Postgres refuses to run as root, and there is no user named postgres or nobody")
}

// own gives a file or directory to the user the server runs as.
func (s *ownServer) own(path string) error {
	if s.user == nil {
		return nil
	}
	if err := os.Chown(path, int(s.user.Uid), int(s.user.Gid)); err != nil {
		return fmt.Errorf("while giving %s to Postgres: %w", path, err)
	}
	return nil
}

// write writes a file that only the server reads.
func (s *ownServer) write(path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("while writing %s: %w", path, err)
	}
	return s.own(path)
}
