package version

import (
	"runtime/debug"
	"testing"
)

func TestVersionIsTheMostPreciseThatIsKnown(t *testing.T) {
	const hash = "0123456789abcdef0123456789abcdef01234567"
	recorded := func(main string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: main}, Settings: settings}
	}
	revision := debug.BuildSetting{Key: "vcs.revision", Value: hash}
	modified := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	clean := debug.BuildSetting{Key: "vcs.modified", Value: "false"}
	for name, test := range map[string]struct {
		release, commit string
		info            *debug.BuildInfo
		want            string
	}{
		"a release":                          {release: "v1.2.3", commit: "abc", info: recorded("(devel)", revision), want: "v1.2.3"},
		"a commit from the linker":           {commit: "abc", info: recorded("(devel)", revision), want: "abc"},
		"a build in a checkout":              {info: recorded("v0.0.0-2026", revision, clean), want: "0123456789ab"},
		"a build in a checkout with edits":   {info: recorded("(devel)", revision, modified), want: "0123456789ab-dirty"},
		"an installed module":                {info: recorded("v1.2.3"), want: "v1.2.3"},
		"a build without version control":    {info: recorded("(devel)"), want: "unknown"},
		"a binary without build information": {want: "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := of(test.release, test.commit, test.info); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
