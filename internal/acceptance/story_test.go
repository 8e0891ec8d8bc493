package acceptance

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// person is a person with a browser that keeps cookies and shows no pages.
type person struct {
	*site
	*http.Client
}

func (s *site) newPerson() *person { return &person{s, s.newJar()} }

var saidOnPage = regexp.MustCompile(`<p id="said">(.*?)</p>`)

// open opens a page and returns its text.
func (p *person) open(address string) string {
	p.Helper()
	response, err := p.Get(address)
	return p.read(response, err)
}

func (p *person) post(path string, form ...string) string {
	p.Helper()
	values := url.Values{}
	for i := 0; i < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	response, err := p.PostForm(p.url+path, values)
	return p.read(response, err)
}

func (p *person) read(response *http.Response, err error) string {
	p.Helper()
	testworld.Must(p, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	testworld.Must(p, err)
	said := saidOnPage.FindSubmatch(content)
	if response.StatusCode != http.StatusOK || said == nil {
		p.Fatalf("status %d of %s: %s", response.StatusCode, response.Request.URL, content)
	}
	return string(said[1])
}

// has waits until the account page of the logged-in person shows the balance.
func (p *person) has(want string) {
	p.Helper()
	p.until("the account says "+want, func() bool { return p.open(p.url+"/account") == want })
}

// shares logs a person in and returns the address of the person's link.
func (s *site) shares(user string) (p *person, link string) {
	s.Helper()
	p = s.newPerson()
	p.post("/login", "user", user)
	link = p.post("/share")
	if !strings.HasPrefix(link, s.url+"/r/") {
		s.Fatalf("the link is %q", link)
	}
	return p, link
}

func TestClickSignupAndPurchaseEarnFiveDollars(t *testing.T) {
	s := newSite(t)
	alice, link := s.shares("alice")
	if again := alice.post("/share"); again != link {
		t.Errorf("shared again, the link is %s, not %s", again, link)
	}
	alice.has("nothing")

	bob := s.newPerson()
	if said := bob.open(link); !strings.Contains(said, "of code "+link[strings.LastIndex(link, "/")+1:]) {
		t.Errorf("the shop says: %s", said)
	}
	bob.post("/signup", "user", "bob")
	bob.post("/buy", "order", "order-1")
	alice.has("5.00 USD")
	s.eventually("status counts it", "SELECT count(*) FROM referral.pair WHERE state = 'Granted'", "1")

	t.Run("a code on any page counts as a touch", func(t *testing.T) {
		carol := s.newPerson()
		code := link[strings.LastIndex(link, "/")+1:]
		if said := carol.open(s.url + "/things/7?session=secret&r=" + code); !strings.Contains(said, "of code "+code) {
			t.Errorf("the shop says: %s", said)
		}
		s.eventually("the page is remembered without parameters of the shop", "SELECT landing_url FROM referral.touch ORDER BY touched_at DESC LIMIT 1",
			s.url+"/things/7?r="+code)
		carol.post("/signup", "user", "carol")
		carol.post("/buy", "order", "order-2")
		alice.has("10.00 USD")
	})
	t.Run("the last of two touches counts", func(*testing.T) {
		dora, other := s.shares("dora")
		erin := s.newPerson()
		erin.open(link)
		erin.open(other + "/") // with a slash, as people paste it
		erin.post("/signup", "user", "erin")
		erin.post("/buy", "order", "order-3")
		dora.has("5.00 USD")
		alice.has("10.00 USD")
	})
	t.Run("a signup without a touch has no attribution", func(t *testing.T) {
		frank := s.newPerson()
		frank.open(s.url + "/")
		frank.post("/signup", "user", "frank")
		frank.post("/buy", "order", "order-4")
		s.converged()
		if got := s.rows("SELECT count(*) FROM referral.attribution WHERE user_id = 'frank'"); got[0] != "0" {
			t.Error("frank has an attribution")
		}
	})
	s.checkNothingSecretIsLogged(bob)
}

// checkNothingSecretIsLogged checks the log of a tracker that logs every request.
func (s *site) checkNothingSecretIsLogged(visitor *person) {
	s.Helper()
	if !strings.Contains(s.tracker.Log(), `"route":"/r/{code}"`) {
		s.Errorf("the log does not tell of requests")
	}
	address, err := url.Parse(s.url)
	testworld.Must(s, err)
	database, err := url.Parse(s.own.WriterURI)
	testworld.Must(s, err)
	password, _ := database.User.Password()
	private := map[string]string{
		"the API token": s.tracker.token, "a key": s.tracker.key, "the database's password": ":" + password + "@",
		"a user": "alice", "another user": "bob", "a purchase": "order-1", "a page": "/things/7",
	}
	for _, cookie := range visitor.Jar.Cookies(address) {
		if cookie.Name == "__Host-referral" {
			private["a visitor's cookie"] = cookie.Value
		}
	}
	if private["a visitor's cookie"] == "" {
		s.Error("the visitor has no cookie of the tracker")
	}
	for what, text := range private {
		if strings.Contains(s.tracker.Log(), text) {
			s.Errorf("%s is in the log", what)
		}
	}
	for _, row := range s.rows("SELECT code FROM referral.link UNION SELECT visitor_id FROM referral.touch") {
		if strings.Contains(s.tracker.Log(), row) {
			s.Errorf("the code or visitor %s is in the log", row)
		}
	}
}

func TestRealBrowserEarnsFiveDollars(t *testing.T) {
	s := newSite(t)
	browser := testworld.NewBrowser(t, testworld.BrowserOptions{Hosts: []string{siteName}, Trusted: &s.certificate})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	alice, link := s.shares("alice")

	testworld.Must(t, browser.Open(ctx, link))
	var address string
	testworld.Must(t, browser.Evaluate(ctx, "location.href", &address))
	if address != s.url+"/" {
		t.Errorf("the link led to %s", address)
	}
	cookies, err := browser.Cookies(ctx)
	testworld.Must(t, err)
	if len(cookies) != 1 {
		t.Fatalf("got the cookies %+v", cookies)
	}
	want := testworld.Cookie{
		Name: "__Host-referral", Value: cookies[0].Value, Domain: siteName, Path: "/", HTTPOnly: true, Secure: true, SameSite: "Lax",
	}
	if cookies[0] != want || want.Value == "" {
		t.Errorf("got the cookie %+v, want %+v", cookies[0], want)
	}
	var readable string
	testworld.Must(t, browser.Evaluate(ctx, "document.cookie", &readable))
	if readable != "" {
		t.Errorf("scripts of the page can read %s", readable)
	}

	testworld.Must(t, browser.Do(ctx, `let f = document.getElementById("signup"); f.user.value = "bob"; f.submit()`))
	testworld.Must(t, browser.Do(ctx, `let f = document.getElementById("buy"); f.order.value = "order-1"; f.submit()`))
	var said string
	testworld.Must(t, browser.Evaluate(ctx, `document.getElementById("said").innerText`, &said))
	if said != "thank you" {
		t.Errorf("the shop says: %s", said)
	}
	alice.has("5.00 USD")
}

func TestVisitorsStayTheSameWhenTheCookieGetsADomain(t *testing.T) {
	s := newSite(t)
	alice, link := s.shares("alice")
	before, both := s.newPerson(), s.newPerson()
	before.open(link)
	both.open(link)
	s.setCookieDomain(siteName)
	_, other := s.shares("dora")
	both.open(other) // has cookies of both names now
	before.post("/signup", "user", "bob")
	before.post("/buy", "order", "order-1")
	alice.has("5.00 USD")
	both.post("/signup", "user", "carol")
	s.eventually("the current cookie counts", "SELECT referrer_id FROM referral.attribution WHERE user_id = 'carol'", "dora")
}

func TestShopWorksWithoutItsTracker(t *testing.T) {
	s := newSite(t)
	visitor := s.newPerson()
	s.newPerson().open(s.url + "/")
	<-s.shop.seen

	forged := func() http.Header {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/?r=code", nil)
		testworld.Must(t, err)
		request.Header.Set("X-Referral-Visitor", "forged")
		request.Header.Set("X-Referral-Code", "forged")
		response, err := visitor.Do(request)
		visitor.read(response, err)
		return <-s.shop.seen
	}
	if got := forged(); strings.Contains(got.Get("X-Referral-Visitor")+got.Get("X-Referral-Code"), "forged") {
		t.Errorf("the visitor's own headers reached the shop: %v", got)
	}
	testworld.Must(t, s.tracker.Stop(time.Minute))
	if got := forged(); got.Get("X-Referral-Visitor") != "" || got.Get("X-Referral-Code") != "" {
		t.Errorf("without a tracker, the headers are %v", got)
	}
}
