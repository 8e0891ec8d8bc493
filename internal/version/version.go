// Package version knows what a binary of this project was built from.
package version

import (
	"cmp"
	"runtime/debug"
)

// The linker sets these, see Makefile and Dockerfile:
//
//	-X github.com/referral-operator/referral-operator/internal/version.release=v1.2.3
//	-X github.com/referral-operator/referral-operator/internal/version.commit=0123456789ab
var (
	release string
	commit  string
)

// String returns the release. A build that is no release returns its commit, with "-dirty" if the
// tree had other changes, and "unknown" if the commit is not known either.
func String() string {
	info, _ := debug.ReadBuildInfo()
	return of(release, commit, info)
}

// of is String for what the linker and the go command have recorded; info may be nil.
func of(release, commit string, info *debug.BuildInfo) string {
	return cmp.Or(release, commit, revision(info), moduleVersion(info), "unknown")
}

// revision is the commit that "go build" records in a checkout.
func revision(info *debug.BuildInfo) string {
	if info == nil {
		return ""
	}
	var hash, dirty string
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			hash = setting.Value
		case setting.Key == "vcs.modified" && setting.Value == "true":
			dirty = "-dirty"
		}
	}
	if hash == "" {
		return ""
	}
	return hash[:min(12, len(hash))] + dirty
}

// moduleVersion is the version that "go install module@version" records.
func moduleVersion(info *debug.BuildInfo) string {
	if info == nil || info.Main.Version == "(devel)" {
		return ""
	}
	return info.Main.Version
}
