package main

import "runtime/debug"

// stamped is set by the linker (-X main.stamped=v1.2.3) in releases.
var stamped string

// version is what this binary was built from: the release, or else the commit.
func version() string {
	if stamped != "" {
		return stamped
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	var commit, dirty string
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			commit = setting.Value
		case setting.Key == "vcs.modified" && setting.Value == "true":
			dirty = "-dirty"
		}
	}
	if commit == "" {
		return "unknown"
	}
	return commit[:min(12, len(commit))] + dirty
}
