package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/tracker/clients"
)

const anyDatabase = "postgresql://shop:hush@db.example:5432/shop"

// environment is one with a database, and what else is given.
func environment(variables map[string]string) lookup {
	return func(name string) (string, bool) {
		value, ok := variables[name]
		if !ok && name == "DATABASE_URL" {
			return anyDatabase, true
		}
		return value, ok
	}
}

func TestInvalidFlagsAreRefusedByName(t *testing.T) {
	for name, test := range map[string]struct {
		arguments []string
		variables map[string]string
		says      []string
	}{
		"no database":                    {nil, map[string]string{"DATABASE_URL": ""}, []string{"DATABASE_URL", "postgresql://"}},
		"a database that is no URI":      {nil, map[string]string{"DATABASE_URL": "hush"}, []string{"DATABASE_URL", "postgresql://"}},
		"a schema that is Postgres' own": {[]string{"--schema=pg_catalog"}, nil, []string{"--schema", "pg_catalog"}},
		"an address without a port":      {[]string{"--listen=localhost"}, nil, []string{"--listen=localhost", ":8080"}},
		"a port without a colon":         {[]string{"--ops-listen=8081"}, nil, []string{"--ops-listen=8081", ":8080"}},
		"too few connections":            {[]string{"--max-connections=4"}, nil, []string{"--max-connections=4", "between 5 and 200"}},
		"touches at no pace":             {[]string{"--touches-per-second=-1"}, nil, []string{"--touches-per-second=-1", "between 0 and"}},
		"a negative limit of touches":    {[]string{"--total-touches-per-second=-1"}, nil, []string{"--total-touches-per-second=-1", "between 0 and"}},
		"a log of something else":        {[]string{"--access-log=some"}, nil, []string{"--access-log=some", "none, errors or all"}},
		"a level that is none":           {[]string{"--log-level=loud"}, nil, []string{"log-level", "loud"}},
		"no parameter":                   {[]string{"--parameters= ,"}, nil, []string{"--parameters"}},
		"a public URL with a query":      {[]string{"--public-url=https://go.shop.example/?a=1"}, nil, []string{"--public-url=https://go.shop.example/?a=1", "leave out"}},
		"a public URL with an empty one": {[]string{"--public-url=https://go.shop.example?"}, nil, []string{"--public-url", "leave out"}},
		"a public URL with a fragment":   {[]string{"--public-url=https://go.shop.example#"}, nil, []string{"--public-url", "leave out"}},
		"a public URL with a user":       {[]string{"--public-url=https://shop:secret@go.shop.example"}, nil, []string{"--public-url", "leave out"}},
		"a public URL without a host":    {[]string{"--public-url=go.shop.example"}, nil, []string{"--public-url=go.shop.example", "https://go.shop.example"}},
		"no time to drain":               {[]string{"--drain-timeout=0"}, nil, []string{"--drain-timeout=0s"}},
		"an argument":                    {[]string{"start"}, nil, []string{`"start"`, "--help"}},
		"a flag that does not exist":     {[]string{"--database-url=x"}, nil, []string{"-database-url"}},
		"a variable that does not fit":   {nil, map[string]string{"TRACKER_DRAIN_DELAY": "soon"}, []string{"TRACKER_DRAIN_DELAY=soon"}},
		"an empty variable":              {nil, map[string]string{"TRACKER_LISTEN": ""}, []string{"--listen=", ":8080"}},
		"two at once":                    {[]string{"--listen=x", "--max-connections=1"}, nil, []string{"--listen", "--max-connections"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseFlags(test.arguments, environment(test.variables), &bytes.Buffer{})
			if err == nil {
				t.Fatal("accepted")
			}
			for _, part := range test.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in: %v", part, err)
				}
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("a password is in: %v", err)
			}
		})
	}
}

func TestCommandLineHasPrecedenceOverVariables(t *testing.T) {
	got, err := parseFlags([]string{"--listen=:1"}, environment(map[string]string{
		"TRACKER_LISTEN": ":2", "TRACKER_PUBLIC_URL": "https://shop.example", "TRACKER_RESPECT_GPC": "true",
		"TRACKER_DRAIN_DELAY": "3s", "TRACKER_PARAMETERS": "r, via", "TRACKER_FALLBACK_URL": "",
	}), &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	want := options{
		databaseURL: anyDatabase, schema: "referral", connections: 10, touchPace: 5000, clientTouches: 60, totalTouches: 200, pageParameters: "utm_*",
		listen: ":1", trustedProxies: privateRanges, clientConnections: 1000, drainDelay: 3 * time.Second, drainTimeout: 20 * time.Second,
		publicURL: "https://shop.example", parameters: "r, via", respectGPC: true, ignoreBots: true, accessLog: "errors",
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(options{})); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"r", "via"}, list(got.parameters)); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
}

func TestLimitOfAllTouchesIsASetting(t *testing.T) {
	for argument, want := range map[string]clients.Limit{
		"":                                {Burst: 20_000, PerSec: 200},
		"--total-touches-per-second=3000": {Burst: 300_000, PerSec: 3000},
		"--total-touches-per-second=0":    {}, // no limit
	} {
		got, err := parseFlags(strings.Fields(argument), environment(nil), &bytes.Buffer{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.totalLimit()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", argument, diff)
		}
	}
}

func TestEmptyVariableMeansTheSameAsAnEmptyFlag(t *testing.T) {
	variables := environment(map[string]string{
		"TRACKER_TRUSTED_PROXIES": "", "TRACKER_LANDING_PARAMETERS": "", "TRACKER_FALLBACK_URL": "",
		"TRACKER_MAX_CONNECTIONS": "", "TRACKER_IGNORE_BOTS": "", "TRACKER_DRAIN_TIMEOUT": "", "TRACKER_LOG_LEVEL": "",
	})
	got, err := parseFlags(nil, variables, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := parseFlags([]string{"--trusted-proxies=", "--landing-parameters=", "--fallback-url="}, environment(nil), &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(options{})); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
}

func TestTheVersionNeedsNoDatabase(t *testing.T) {
	none := func(string) (string, bool) { return "", false }
	if got, err := parseFlags([]string{"--version"}, none, &bytes.Buffer{}); err != nil || !got.showVersion {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestPasswordInAURLIsNotShown(t *testing.T) {
	for _, text := range []string{
		"https://shop:s3cr3t@go.shop.example", "postgres://shop:s3cr3t@go.shop.example", "https://shop:s3cr3t@go.shop.example:x",
		"shop:s3cr3t@go.shop.example", "https:shop:s3cr3t@go.shop.example", "https:///shop:s3cr3t@go.shop.example", "s3cr3t@go.shop.example",
		"//shop:s3cr3t@go.shop.example", "https://shop:s3cr3t@go.shop.example/?a",
	} {
		for _, argument := range []string{"--public-url=" + text, "--database-url=" + text, text} {
			if _, err := parseFlags([]string{argument}, environment(nil), &bytes.Buffer{}); err == nil || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("%s: %v", argument, err)
			}
		}
	}
}
