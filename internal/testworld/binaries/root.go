package binaries

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// pins is the file by which the module's root is known. Its go.mod names the
// versions of the control plane.
const pins = "hack/controlplane/go.mod"

// ModuleRoot is the directory of this module, looked for from the working
// directory upwards: tests run in the directory of their package.
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
