package acceptance

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// siteName is the host name of the shop.
const siteName = "mysite.test"

// site is a shop on the web: nginx with the configuration of the documentation, a small shop and
// the tracker behind it, and the manager beside them.
type site struct {
	*world
	tracker     *tracker
	shop        *shopApp
	url         string // https://mysite.test:…
	certificate testworld.KeyPair
	authority   *testworld.Authority
}

// tracker is a running bin/tracker.
type tracker struct {
	*testworld.Process
	address, ops string
	token, key   string // what its files hold
	options      testworld.ProcessOptions
}

// startTracker starts a tracker of the world and waits until it is ready.
func (w *world) startTracker(address, publicURL, databaseURI string) *tracker {
	w.Helper()
	t := &tracker{address: address, ops: freeAddress(w), token: secret(), key: secret()}
	dir := w.TempDir()
	keys, tokens := filepath.Join(dir, "keys"), filepath.Join(dir, "tokens")
	testworld.Must(w, os.WriteFile(keys, []byte(t.key+"\n"), 0o600))
	testworld.Must(w, os.WriteFile(tokens, []byte("shop: "+t.token+"\n"), 0o600))
	t.options = testworld.ProcessOptions{
		Path: testworld.BuildTracker(w),
		Args: []string{
			"--listen", t.address, "--ops-listen", t.ops, "--public-url", publicURL, "--keys-file", keys, "--tokens-file", tokens,
			"--access-log=all", "--log-level=debug",
		},
		Env: []string{"DATABASE_URL=" + databaseURI},
	}
	t.run(w)
	return t
}

// run starts the process and waits until it is ready.
func (t *tracker) run(w *world) {
	w.Helper()
	t.Process = testworld.Run(w, t.options)
	w.until("the tracker is ready", func() bool { return t.status(w, "/readyz") == http.StatusOK })
}

// setCookieDomain restarts the tracker with a domain for its cookies, and tells the shop.
func (s *site) setCookieDomain(domain string) {
	s.Helper()
	testworld.Must(s, s.tracker.Stop(time.Minute))
	s.tracker.options.Args = append(s.tracker.options.Args, "--cookie-domain", domain)
	s.tracker.run(s.world)
	s.shop.cookies = []string{"referral", "__Host-referral"}
}

// status returns the status of a path at --ops-listen; 0: no answer.
func (t *tracker) status(tb testing.TB, path string) int {
	tb.Helper()
	response, err := http.Get("http://" + t.ops + path)
	if err != nil {
		return 0
	}
	testworld.Must(tb, response.Body.Close())
	return response.StatusCode
}

// newSite starts everything of a shop on the web.
func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{world: newWorld(t, testworld.Cluster(t), sharedPostgres(t))}
	s.manager()
	s.apply(fiveDollars)

	var err error
	s.authority, err = testworld.NewAuthority("an authority")
	testworld.Must(t, err)
	s.certificate, err = s.authority.Server(siteName)
	testworld.Must(t, err)
	trackerAddress := freeAddress(t)
	s.shop = &shopApp{TB: t, tracker: "http://" + trackerAddress, cookies: []string{"__Host-referral"}, seen: make(chan http.Header, 64)}
	app := httptest.NewServer(s.shop)
	t.Cleanup(app.Close)
	_, port, err := net.SplitHostPort(nginx(t, s.certificate, trackerAddress, app.Listener.Addr().String()))
	testworld.Must(t, err)
	s.url = "https://" + net.JoinHostPort(siteName, port)
	s.shop.site = s.url
	s.tracker = s.startTracker(trackerAddress, s.url, s.own.WriterURI)
	s.shop.token = s.tracker.token
	return s
}

// newJar returns an HTTP client that keeps cookies like a browser, and trusts the site's authority.
func (s *site) newJar() *http.Client {
	s.Helper()
	jar, err := cookiejar.New(nil)
	testworld.Must(s, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.authority.PEM())
	site, err := url.Parse(s.url)
	testworld.Must(s, err)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	transport.DialContext = loopbackDial(dialer, site.Port())
	s.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport, Timeout: time.Minute}
}

// until waits until a condition holds.
func (w *world) until(what string, is func() bool) {
	w.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !is(); time.Sleep(25 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("timed out waiting until %s", what)
		}
	}
}

func freeAddress(t testing.TB) string {
	t.Helper()
	address, err := testworld.FreeAddress()
	testworld.Must(t, err)
	return address
}

func secret() string {
	bytes := make([]byte, 32)
	_, _ = rand.Read(bytes)
	return hex.EncodeToString(bytes)
}
