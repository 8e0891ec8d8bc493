package links_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/tracker/links"
)

const insertLink = "INSERT INTO referral.link (code, campaign, referrer_id, destination, expires_at, disabled_at) VALUES ($1, 'spring', 'ann', $2, $3, $4)"

// declare writes a campaign as its controller would.
func (w *world) declare(name string, window time.Duration, destination string) {
	w.Helper()
	w.asOwner(`INSERT INTO referral.campaign (name, mode, attribution_window, destination, uid, generation, policy)
		VALUES ($1, 'Open', $2, $3, $1, 1, 'policy')`, name, window.Microseconds(), destination)
}

func (w *world) find(code string) (*links.Link, error) {
	w.Helper()
	return w.directory.Find(w.Context(), code)
}

// expect finds a link that leads somewhere, or "unknown", "ended" or "unavailable".
func (w *world) expect(code, want string) {
	w.Helper()
	link, err := w.find(code)
	got := ""
	switch {
	case errors.Is(err, links.ErrUnknown):
		got = "unknown"
	case errors.Is(err, links.ErrEnded):
		got = "ended"
	case errors.Is(err, links.ErrUnavailable):
		got = "unavailable"
	case err != nil:
		w.Fatal(err)
	default:
		got = links.Destination(link, "")
	}
	if got != want {
		w.Errorf("%s: %s, want %s", code, got, want)
	}
}

func TestFindReturnsTheFieldsOfALink(t *testing.T) {
	w := newWorld(t)
	w.declare("spring", time.Hour, "https://shop.example/spring")
	w.asOwner(insertLink, "ann1", "https://shop.example/ä", w.now.Add(time.Hour), nil)
	w.asOwner("INSERT INTO referral.signup (user_id, visitor_id) VALUES ('ann', 'visitor-of-ann')")
	got, err := w.find("ann1")
	testworld.Must(t, err)
	want := &links.Link{
		Code: "ann1", ReferrerVisitor: "visitor-of-ann",
		Destination: "https://shop.example/%C3%A4", CampaignDestination: "https://shop.example/spring", ExpiresAt: new(w.now.Add(time.Hour)),
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApproxTime(time.Millisecond)); diff != "" {
		t.Errorf("link (-want +got):\n%s", diff)
	}
}

func TestExpiredAndDisabledLinksHaveEnded(t *testing.T) {
	w := newWorld(t)
	past, future := w.now.Add(-time.Second), w.now.Add(5*time.Second)
	const home = "https://shop.example/"
	w.asOwner(insertLink, "expired", home, past, nil)
	w.asOwner(insertLink, "disabled", home, nil, past)
	w.asOwner(insertLink, "expires", home, future, nil)
	w.asOwner(insertLink, "disables", home, nil, future)
	w.asOwner(insertLink, "expired-in-the-year-1", home, time.Time{}, nil)
	w.asOwner(insertLink, "disabled-in-the-year-1", home, nil, time.Time{})
	for range 2 { // read, and then remembered
		w.expect("expired", "ended")
		w.expect("disabled", "ended")
		w.expect("expired-in-the-year-1", "ended")
		w.expect("disabled-in-the-year-1", "ended")
	}
	w.expect("never", "unknown")
	w.expect("expires", home)
	w.expect("disables", home)
	w.now = future // still within what is remembered
	w.expect("expires", "ended")
	w.expect("disables", "ended")
}

func TestUnsafeDestinationIsIgnored(t *testing.T) {
	w := newWorld(t)
	w.declare("spring", time.Hour, "https://shop.example/spring")
	w.asOwner(insertLink, "script", "javascript:alert(1)", nil, nil)
	w.asOwner("INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('undeclared', 'autumn', 'ann')")
	w.expect("script", "https://shop.example/spring")
	w.expect("undeclared", "")
}

func TestLongestDestinationThatTheDatabaseTakesIsFollowed(t *testing.T) {
	w := newWorld(t)
	const shop = "https://shop.example/"
	w.asOwner(insertLink, "long", shop+strings.Repeat("ы", 2048-len(shop)), nil, nil)
	w.expect("long", shop+strings.Repeat("%D1%8B", 2048-len(shop)))
}

func TestEditOfALinkIsSeenWithinSeconds(t *testing.T) {
	w := newWorld(t)
	w.asOwner(insertLink, "ann1", "https://shop.example/old", nil, nil)
	w.expect("ann1", "https://shop.example/old")
	w.expect("late", "unknown")
	w.asOwner("UPDATE referral.link SET destination = 'https://shop.example/new'")
	w.asOwner(insertLink, "late", "https://shop.example/", nil, nil)
	w.expect("ann1", "https://shop.example/old")
	w.expect("late", "unknown")
	w.now = w.now.Add(2 * time.Second)
	w.expect("ann1", "https://shop.example/old")
	w.expect("late", "https://shop.example/")
	w.now = w.now.Add(8 * time.Second)
	w.expect("ann1", "https://shop.example/new")
	w.asOwner("DELETE FROM referral.link")
	w.now = w.now.Add(10 * time.Second)
	w.expect("ann1", "unknown")
}

func TestForgottenCodeIsReadAgain(t *testing.T) {
	w := newWorld(t)
	w.expect("mine", "unknown")
	w.asOwner(insertLink, "mine", "https://shop.example/", nil, nil)
	w.directory.Forget("mine")
	w.expect("mine", "https://shop.example/")
}

func TestCodeIsFoundInAnySpelling(t *testing.T) {
	w := newWorld(t)
	// The database lowers these, some of them otherwise than Go.
	for _, given := range []string{"ann1", "Ann1", " ANN1\t\n", "ΟΔΟΣ", "İSTANBUL", "STRAẞE", "SIMIT"} {
		w.asOwner(`INSERT INTO referral.link (code, campaign, referrer_id, destination)
			VALUES (referral.normal_code($1), 'spring', 'ann', 'https://shop.example/') ON CONFLICT DO NOTHING`, given)
		for range 2 { // asked for, and then remembered
			w.expect(given, "https://shop.example/")
		}
		if !w.directory.Remembers(given) {
			t.Errorf("%q is not remembered", given)
		}
	}
	w.expect("\u00a0ann1", "unknown")
	w.expect(" ", "unknown")
}

func TestNewLinkIsSeenAtOnceHoweverItWasSpelled(t *testing.T) {
	w := newWorld(t)
	for _, given := range []string{"mine", " MINE", "Mine"} {
		w.expect(given, "unknown")
	}
	w.asOwner(insertLink, "mine", "https://shop.example/", nil, nil)
	w.directory.Forget("mine")
	for _, given := range []string{"mine", " MINE", "Mine"} {
		w.expect(given, "https://shop.example/")
	}
}

// A visitor that knows one code must not be able to evict others.
func TestSpellingsOfOneCodeEvictNoLink(t *testing.T) {
	w := newWorld(t)
	w.asOwner(insertLink, "bob", "https://shop.example/", nil, nil)
	w.asOwner(insertLink, "abcdef", "https://shop.example/", nil, nil)
	small := links.NewDirectory(w.db, links.Options{Links: 2000, Unknown: 1000})
	_, err := small.Find(t.Context(), "bob")
	testworld.Must(t, err)
	for n := range 1 << 6 {
		spelling := []byte("abcdef")
		for i := range spelling {
			spelling[i] -= byte(n>>i&1) * ('a' - 'A')
		}
		_, err := small.Find(t.Context(), string(spelling))
		testworld.Must(t, err)
	}
	if !small.Remembers("bob") {
		t.Error("bob's link was pushed out by spellings of another")
	}
}

func TestLinksInMemoryWorkDuringAnOutage(t *testing.T) {
	w := newWorld(t)
	const home = "https://shop.example/"
	w.asOwner(insertLink, "ann1", home, nil, nil)
	w.asOwner(insertLink, "ends", home, w.now.Add(time.Hour), nil)
	w.expect("ann1", home)
	w.expect("ends", home)
	w.expect("never", "unknown")

	w.proxy.Swallow()
	w.proxy.Cut()
	w.now = w.now.Add(time.Minute)
	w.expect("ann1", home) // this one had to find out
	before := w.proxy.Accepted()
	w.expect("ann1", home)
	w.expect("Ann1", home)
	w.expect("ends", home)
	w.expect("never", "unavailable")
	if _, err := w.directory.FindOnPage(t.Context(), "Never"); !errors.Is(err, links.ErrUnknown) {
		t.Errorf("never on a page: %v", err)
	}
	w.expect("other", "unavailable")
	if _, err := w.directory.FindOnPage(t.Context(), "other"); !errors.Is(err, links.ErrUnavailable) {
		t.Errorf("other on a page: %v", err)
	}
	w.now = w.now.Add(time.Hour)
	w.expect("ends", "ended")
	// The connection that was tried in order to find out may be accepted only now.
	if after := w.proxy.Accepted(); after > before+1 {
		t.Errorf("%d connections were tried while the database was known to be away", after-before)
	}

	w.proxy.Pass()
	testworld.Must(t, w.directory.Refresh(t.Context()))
	w.expect("other", "unknown")
	w.asOwner("DELETE FROM referral.link WHERE code = 'ann1'")
	w.expect("ann1", "unknown")
}

// Only the database knows how it lowers other letters than A to Z: a guess could lead to another
// link.
func TestSpellingIsNotGuessedDuringAnOutage(t *testing.T) {
	w := newWorld(t)
	w.asOwner(insertLink, "simit", "https://shop.example/", nil, nil)
	w.expect("simit", "https://shop.example/")
	w.proxy.Swallow()
	w.proxy.Cut()
	w.now = w.now.Add(time.Minute)
	w.expect("SIMIT", "https://shop.example/")
	w.expect("S\u0130M\u0130T", "unavailable")
}

func TestVisitorsAreRememberedForTheLongestWindow(t *testing.T) {
	w := newWorld(t)
	const unread = 400 * 24 * time.Hour
	if got := w.directory.LongestWindow(); got != unread {
		t.Errorf("before it is read: window %s, want %s", got, unread)
	}
	expect := func(want time.Duration) {
		t.Helper()
		testworld.Must(t, w.directory.Refresh(t.Context()))
		if got := w.directory.LongestWindow(); got != want {
			t.Errorf("window %s, want %s", got, want)
		}
	}
	expect(720 * time.Hour)
	w.declare("spring", time.Hour, "")
	expect(time.Hour)
	w.declare("autumn", 2000*time.Hour, "")
	expect(2000 * time.Hour)
}

func TestMemoryOfLinksIsBounded(t *testing.T) {
	w := newWorld(t)
	w.asOwner(`INSERT INTO referral.link (code, campaign, referrer_id, destination)
		SELECT 'code-' || n, 'spring', 'ann', 'https://shop.example/' FROM generate_series(11, 30) AS n`)
	small := links.NewDirectory(w.db, links.Options{Links: 4600, Unknown: 1000}) // ten links
	var remembered []int
	for n := 11; n <= 30; n++ {
		_, err := small.Find(t.Context(), fmt.Sprintf("code-%d", n))
		testworld.Must(t, err)
	}
	for n := 11; n <= 30; n++ {
		if small.Remembers(fmt.Sprintf("code-%d", n)) {
			remembered = append(remembered, n)
		}
	}
	if diff := cmp.Diff([]int{21, 22, 23, 24, 25, 26, 27, 28, 29, 30}, remembered); diff != "" {
		t.Errorf("remembered (-want +got):\n%s", diff)
	}
}
