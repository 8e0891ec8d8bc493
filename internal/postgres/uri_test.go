package postgres_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// described is what matters of a configuration, in words.
func described(config *pgxpool.Config) string {
	c := config.ConnConfig
	words := fmt.Sprintf("%s:%s@", c.User, c.Password)
	way := func(host string, port uint16, tls bool) string { return fmt.Sprintf("%s:%d tls=%t", host, port, tls) }
	words += way(c.Host, c.Port, c.TLSConfig != nil)
	for _, f := range c.Fallbacks {
		words += ", " + way(f.Host, f.Port, f.TLSConfig != nil)
	}
	return words + "/" + c.Database
}

func TestValidURIsAreAccepted(t *testing.T) {
	for name, test := range map[string]struct{ uri, want string }{
		"the usual":                     {"postgresql://shop:pw@db:5433/app", "shop:pw@db:5433 tls=true, db:5433 tls=false/app"},
		"the short scheme, no port":     {"postgres://shop:pw@db.ns.svc/app?sslmode=disable", "shop:pw@db.ns.svc:5432 tls=false/app"},
		"a line break at the end":       {"postgres://shop:pw@db/app?sslmode=require\n", "shop:pw@db:5432 tls=true/app"},
		"no password":                   {"postgres://shop@db/app?sslmode=disable", "shop:@db:5432 tls=false/app"},
		"several hosts":                 {"postgres://shop:pw@a:1,b:2/app?sslmode=disable", "shop:pw@a:1 tls=false, b:2 tls=false/app"},
		"an IPv6 address":               {"postgres://shop:pw@[2001:db8::1]:5433/app?sslmode=verify-full", "shop:pw@2001:db8::1:5433 tls=true/app"},
		"an IPv4 address":               {"postgres://shop:pw@10.0.0.1/app?sslmode=verify-ca", "shop:pw@10.0.0.1:5432 tls=true/app"},
		"percent-encoded parts":         {"postgres://sh%40p:p%2F%3Aw@db/a%20p?sslmode=disable", "sh@p:p/:w@db:5432 tls=false/a p"},
		"every delimiter, encoded":      {"postgres://shop:%3A%2F%3F%23%5B%5D%40%25@db/app?sslmode=disable", "shop::/?#[]@%@db:5432 tls=false/app"},
		"marks that delimit nothing":    {"postgres://shop:-._~!$&'()*+,;=@db/app?sslmode=disable", "shop:-._~!$&'()*+,;=@db:5432 tls=false/app"},
		"a character beyond ASCII":      {"postgres://shop:%C3%A4@db/app?sslmode=disable", "shop:ä@db:5432 tls=false/app"},
		"prefer is TLS if it is there":  {"postgres://shop:pw@db/app?sslmode=prefer", "shop:pw@db:5432 tls=true, db:5432 tls=false/app"},
		"parameters that are supported": {"postgres://shop:pw@db/app?sslmode=disable&connect_timeout=3&target_session_attrs=primary&application_name=x&channel_binding=require", "shop:pw@db:5432 tls=false/app"},
	} {
		t.Run(name, func(t *testing.T) {
			config, err := postgres.ParseConfig(test.uri, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, described(config)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestInvalidURIsAreRefused(t *testing.T) {
	const secret = "s3cr3t"
	for name, test := range map[string]struct{ uri, parameter, says string }{
		"nothing":                         {"", "", "postgresql://user"},
		"another scheme":                  {"mysql://shop:s3cr3t@db/app", "", "must begin"},
		"two schemes":                     {"postgres://postgresql://shop:s3cr3t@db/app", "", "no user"},
		"keywords and values":             {"host=db user=shop password=s3cr3t", "", "must begin"},
		"no user":                         {"postgres://db/app", "", "no user"},
		"an empty user":                   {"postgres://:s3cr3t@db/app", "", "no user"},
		"no database":                     {"postgres://shop:s3cr3t@db", "", "no database"},
		"no host":                         {"postgres://shop:s3cr3t@/app", "", "no host"},
		"one host of two missing":         {"postgres://shop:s3cr3t@a,/app", "", "no host"},
		"a socket":                        {"postgres://shop:s3cr3t@%2Fvar%2Frun/app", "", "neither a DNS name"},
		"a socket on Windows":             {`postgres://shop:s3cr3t@C:\run/app`, "", "port"},
		"an abstract socket":              {"postgres://shop:s3cr3t@%40run/app", "", "neither a DNS name"},
		"a zone that names an interface":  {"postgres://shop:s3cr3t@[fe80::1%25eth0]/app", "", "no IPv6"},
		"a port that is none":             {"postgres://shop:s3cr3t@db:s3cr3t/app", "", "port"},
		"port 0":                          {"postgres://shop:s3cr3t@db:0/app", "", "port"},
		"a port above all":                {"postgres://shop:s3cr3t@db:65536/app", "", "port"},
		"a / in the password":             {"postgres://shop:s3cr3t/x@db/app", "", "percent-encode"},
		"a ? in the password":             {"postgres://shop:1?s3cr3t=x@db/app", "", "percent-encode"},
		"an @ and a ? in the password":    {"postgres://shop:x@1?s3cr3t=x@db/app", "", "percent-encode"},
		"a # in the password":             {"postgres://shop:#s3cr3t@db/app", "", "percent-encode"},
		"an @ and a / in the password":    {"postgres://u:s3cr3t@host/TAIL@127.0.0.1:5432/shop", "", "percent-encode"},
		"an @ and a / further in":         {"postgres://u:Kq7@host/s3cr3t@127.0.0.1:5432/shop", "", "percent-encode"},
		"an @ in the password":            {"postgres://shop:p@s3cr3t@db/app", "", "percent-encode"},
		"an @ and a : in the password":    {"postgres://shop:p@host:s3cr3t@db/app", "", "percent-encode"},
		"an @ and a , in the password":    {"postgres://shop:p@host,s3cr3t@db/app", "", "percent-encode"},
		"an @ in the user":                {"postgres://s3cr3t@shop:pw@db/app", "", "percent-encode"},
		"a : in the password":             {"postgres://shop:p:s3cr3t@db/app", "", "percent-encode"},
		"a / in the user":                 {"postgres://s3cr3t/x:pw@db/app", "", "percent-encode"},
		"a ? and a / in the password":     {"postgres://shop:p?s3cr3t/x@db/app", "", "percent-encode"},
		"a / and a ? in the password":     {"postgres://shop:p/s3cr3t?x@db/app", "", "percent-encode"},
		"a [ in the password":             {"postgres://shop:[s3cr3t@db/app", "", "percent-encode"},
		"a ] in the password":             {"postgres://shop:s3cr3t]@db/app", "", "percent-encode"},
		"a % in the password":             {"postgres://shop:s3cr3t%@db/app", "", "percent-encode"},
		"a backslash in the password":     {`postgres://shop:s3cr3t\x@db/app`, "", "percent-encode"},
		"a letter beyond ASCII":           {"postgres://shop:s3cr3tä@db/app", "", "percent-encode"},
		"a line break in the password":    {"postgres://shop:s3\ncr3t@db/app", "", "percent-encode"},
		"a control character":             {"postgres://shop:s3cr3t\x7f@db/app", "", "percent-encode"},
		"an @ in the database":            {"postgres://shop:pw@db/s3cr3t@x", "", "percent-encode"},
		"a / in the database":             {"postgres://shop:pw@db/app/s3cr3t", "", "percent-encode"},
		"an @ among the parameters":       {"postgres://shop:pw@db/app?application_name=s3cr3t@x", "", "percent-encode"},
		"an unknown parameter":            {"postgres://shop:pw@db/app?s3cr3t=x", "", "unknown parameter"},
		"a bad escape of a parameter":     {"postgres://shop:pw@db/app?s3cr3t=%zz", "", "percent-encode"},
		"a space in the password":         {"postgres://shop:s3 cr3t@db/app", "", "percent-encode"},
		"a bad escape in the password":    {"postgres://shop:s3cr3t%zz@db/app", "", "percent-encode"},
		"a zero byte in the password":     {"postgres://shop:s3cr3t%00@db/app", "", "percent-encode"},
		"something that is no parameter":  {"postgres://shop:s3cr3t@db/app?s3cr3t-1", "", "unknown parameter"},
		"a certificate of this machine":   {"postgres://shop:s3cr3t@db/app?sslcert=/etc/passwd", "sslcert", "files"},
		"a key of this machine":           {"postgres://shop:s3cr3t@db/app?sslkey=/etc/passwd", "sslkey", "files"},
		"an authority of this machine":    {"postgres://shop:s3cr3t@db/app?sslmode=verify-full&sslrootcert=/etc/passwd", "sslrootcert", "TLS settings"},
		"a password file":                 {"postgres://shop@db/app?passfile=/etc/passwd", "passfile", "files"},
		"a service":                       {"postgres://shop:s3cr3t@db/app?service=x", "service", "files"},
		"a service file":                  {"postgres://shop:s3cr3t@db/app?servicefile=/etc/passwd", "servicefile", "files"},
		"a key's password":                {"postgres://shop:s3cr3t@db/app?sslpassword=s3cr3t", "sslpassword", "files"},
		"a host beside the host":          {"postgres://shop:s3cr3t@db/app?host=/tmp", "host", "postgresql://user"},
		"an address beside the host":      {"postgres://shop:s3cr3t@db/app?hostaddr=1.2.3.4", "hostaddr", "postgresql://user"},
		"a password among the parameters": {"postgres://shop@db/app?password=s3cr3t", "password", "postgresql://user"},
		"session settings":                {"postgres://shop:s3cr3t@db/app?options=-csearch_path%3Dx", "options", "supported are"},
		"a runtime parameter":             {"postgres://shop:s3cr3t@db/app?search_path=x", "search_path", "supported are"},
		"an sslmode that is none":         {"postgres://shop:s3cr3t@db/app?sslmode=on", "sslmode", "verify-full"},
		"a standby":                       {"postgres://shop:s3cr3t@db/app?target_session_attrs=standby", "target_session_attrs", "primary"},
		"a timeout that is none":          {"postgres://shop:s3cr3t@db/app?connect_timeout=0", "connect_timeout", "seconds"},
		"commands in the user":            {"postgres://shop%0D%0AFLUSHALL%0D%0A:s3cr3t@db/app", "user", "control character"},
		"commands in the database":        {"postgres://shop:s3cr3t@db/app%0AFLUSHALL", "database", "control character"},
		"commands in application_name":    {"postgres://shop:s3cr3t@db/app?application_name=%C2%85x", "application_name", "control character"},
		"17 hosts":                        {"postgres://shop:s3cr3t@db" + strings.Repeat(",db", 16) + "/app", "", "more than 16 hosts"},
		"a hundred thousand hosts":        {"postgres://shop:s3cr3t@db" + strings.Repeat(",db", 100_000) + "/app", "", "more than 8 KiB"},
		"a long user":                     {"postgres://" + strings.Repeat("s3cr3t", 2000) + ":pw@db/app", "", "shorten user"},
		"a long password":                 {"postgres://shop:" + strings.Repeat("s3cr3t", 2000) + "@db/app", "", "shorten user, password"},
		"a long database":                 {"postgres://shop:pw@db/" + strings.Repeat("s3cr3t", 2000), "", "more than 8 KiB"},
		"a long application_name":         {"postgres://shop:pw@db/app?application_name=" + strings.Repeat("s3cr3t", 2000), "", "more than 8 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := postgres.ParseConfig(test.uri, nil)
			if _, refused := errors.AsType[*postgres.URIError](err); !refused {
				t.Fatalf("got %v", err)
			}
			for _, says := range []string{test.parameter, test.says} {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("%q does not say %q", err, says)
				}
			}
			for _, text := range []string{err.Error(), postgres.Message(err)} {
				if strings.Contains(text, secret) {
					t.Errorf("%q gives the password away", text)
				}
			}
		})
	}
}

func TestURIMayHaveSixteenHostsAndEightKiB(t *testing.T) {
	hosts := "db" + strings.Repeat(",db", 15)
	start, end := "postgres://shop:", "@"+hosts+"/app"
	uri := start + strings.Repeat("x", 8<<10-len(start)-len(end)) + end
	if _, err := postgres.ParseConfig(uri+"\n", nil); err != nil {
		t.Error(err)
	}
}

func FuzzURIsNameNoFile(f *testing.F) {
	for _, uri := range []string{"postgres://u:p@h/d", "postgres://u:p@[::1]:1,b/d?sslmode=disable&connect_timeout=1", "postgres://u@%2Ftmp/d?host=/tmp", "postgresql://a:b@C:\\x/y"} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		config, err := postgres.ParseConfig(uri, nil)
		if err != nil {
			return
		}
		c := config.ConnConfig
		hosts := []string{c.Host}
		for _, fallback := range c.Fallbacks {
			hosts = append(hosts, fallback.Host)
		}
		for _, host := range hosts {
			if host == "" || strings.ContainsAny(host, `/\@`) {
				t.Errorf("host %q", host)
			}
		}
		if c.User == "" || c.Database == "" || c.ConnectTimeout <= 0 || c.ConnectTimeout > time.Minute {
			t.Errorf("user %q, database %q, connect timeout %v", c.User, c.Database, c.ConnectTimeout)
		}
		for name, value := range c.RuntimeParams {
			if name != "application_name" && (name != "client_encoding" || value != "UTF8") {
				t.Errorf("runtime parameter %q", name)
			}
		}
	})
}

// hostile are variables by which the driver would otherwise be led elsewhere, and files in the home
// directory that say the same.
func hostile(t *testing.T) []string {
	t.Helper()
	home := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(home, name)
		testworld.Must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		testworld.Must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	services := write(".pg_service.conf", "[evil]\nhost=evil\nuser=evil\npassword=evil\n")
	passwords := write(".pgpass", "*:*:*:*:evil\n")
	root := write(".postgresql/root.crt", "evil")
	certificate := write(".postgresql/postgresql.crt", "evil")
	key := write(".postgresql/postgresql.key", "evil")
	return []string{
		"HOME=" + home, "PGHOST=evil", "PGHOSTADDR=evil", "PGPORT=1", "PGUSER=evil", "PGPASSWORD=evil", "PGDATABASE=evil",
		"PGSERVICE=evil", "PGSERVICEFILE=" + services, "PGPASSFILE=" + passwords, "PGSSLMODE=evil", "PGSSLROOTCERT=" + root,
		"PGSSLCERT=" + certificate, "PGSSLKEY=" + key, "PGSSLPASSWORD=evil", "PGSSLCERTMODE=evil", "PGSSLNEGOTIATION=direct",
		"PGOPTIONS=-c search_path=evil", "PGAPPNAME=evil", "PGCONNECT_TIMEOUT=evil", "PGTZ=evil", "PGTARGETSESSIONATTRS=evil",
		"PGMINPROTOCOLVERSION=evil", "PGMAXPROTOCOLVERSION=evil", "PGCHANNELBINDING=evil", "PGREQUIREAUTH=evil",
	}
}

const harmless = "postgres://shop@db/app?sslmode=disable"

func TestTheEnvironmentChangesNoConfiguration(t *testing.T) {
	for _, entry := range hostile(t) {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
	}
	checkHarmless(t)
}

// The driver's defaults are read when the process starts, so that this must hold for one that
// starts in a hostile environment too.
func TestTheEnvironmentOfTheStartChangesNoConfiguration(t *testing.T) {
	if os.Getenv("PGAPPNAME") == "evil" {
		checkHarmless(t)
		return
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), hostile(t)...)
	if output, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

func checkHarmless(t *testing.T) {
	t.Helper()
	config, err := postgres.ParseConfig(harmless, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := config.ConnConfig
	if diff := cmp.Diff("shop:@db:5432 tls=false/app", described(config)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"application_name": "referral-operator", "client_encoding": "UTF8"}, c.RuntimeParams); diff != "" {
		t.Error(diff)
	}
	if c.ConnectTimeout != 5*time.Second || c.SSLNegotiation != "" || c.RequireAuth != "" || c.ChannelBinding != "prefer" ||
		c.MinProtocolVersion != "3.0" || c.MaxProtocolVersion != "3.0" || c.ValidateConnect != nil {
		t.Errorf("settings from elsewhere: %+v", c.Config)
	}
}
