package binaries

import (
	"context"
	"errors"
	"fmt"
)

// chromiumPlaces are the names of its program, and the places beside PATH.
var chromiumPlaces = []string{
	"chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
	"/Applications/Chromium.app/Contents/MacOS/Chromium",
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
}

// Chromium returns the path of a Chromium or Chrome: the one on PATH or in a
// usual place, else, for root, the distribution's.
func Chromium(ctx context.Context) (string, error) {
	if path, ok := working(ctx, chromiumPlaces, "--version"); ok {
		return path, nil
	}
	err := aptInstall(ctx, "chromium")
	if err == nil {
		if path, ok := working(ctx, chromiumPlaces, "--version"); ok {
			return path, nil
		}
		err = errors.New("apt installed none that runs")
	}
	return "", fmt.Errorf("no Chromium: install one, or put it on PATH (apt: %w)", err)
}
