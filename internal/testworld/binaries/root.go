package binaries

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// pins is the file that identifies the module's root. It has the versions of the control plane.
const pins = "hack/controlplane/go.mod"

// ModuleRoot returns the directory of this module. It searches from the working directory upwards,
// because tests run in the directory of their package.
func ModuleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("while looking for the module's root: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		_, err := os.Stat(filepath.Join(dir, pins))
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("while looking for the module's root: %w", err)
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no %s in %s or above it: run inside the repository", pins, start)
		}
	}
}
