package reward

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRestoreAttributionPrefersFactsThatNameThePairsReferrer(t *testing.T) {
	link := func(code, referrer string) *Link {
		return &Link{Code: code, Campaign: "invite-friends", ReferrerID: referrer, Label: "share"}
	}
	touch := func(id string, at time.Time, l *Link) Touch {
		return Touch{VisitorID: "v", TouchID: id, TouchedAt: at, Link: l}
	}
	byCode := Attribution{
		Campaign: "invite-friends", Code: "a", ReferrerID: "anna", Label: "share", TouchedAt: day(1), Source: FromCode,
	}
	byTouch := func(id string, at time.Time, code string) Attribution {
		return Attribution{
			Campaign: "invite-friends", Code: code, ReferrerID: "anna", Label: "share", TouchedAt: at,
			Source: FromTouch, VisitorID: "v", TouchID: id,
		}
	}
	byPair := func(at time.Time) Attribution {
		return Attribution{Campaign: "invite-friends", ReferrerID: "anna", TouchedAt: at, Source: FromTouch}
	}
	another := func(state State, reason Reason) Pair {
		return Pair{
			PurchaseID: "p2", Campaign: "invite-friends", ReferrerID: "anna", State: state, Reason: reason, Ordinal: 2, QualifiedAt: day(1),
		}
	}
	lost := another(Granted, Qualified)
	lost.QualifiedAt = time.Time{}
	altered := byTouch("t9", day(0), "altered")
	signup := &Signup{SignedUpAt: day(1)}
	for _, c := range []struct {
		name    string
		model   AttributionModel
		referee Referee
		want    Attribution
	}{
		{"the link of the typed code comes before touches", LastTouch,
			Referee{Signup: signup, Code: link("a", "anna"), Touches: []Touch{touch("t1", day(0), link("b", "anna"))}}, byCode},
		{"a typed code of another referrer is passed over", LastTouch,
			Referee{Signup: signup, Code: link("a", "carl"), Touches: []Touch{touch("t1", day(0), link("b", "anna"))}},
			byTouch("t1", day(0), "b")},
		{"LastTouch picks the last touch", LastTouch,
			Referee{Signup: signup, Touches: []Touch{touch("t2", day(1), link("b", "anna")), touch("t1", day(0), link("a", "anna"))}},
			byTouch("t2", day(1), "b")},
		{"FirstTouch picks the first touch", FirstTouch,
			Referee{Signup: signup, Touches: []Touch{touch("t2", day(1), link("b", "anna")), touch("t1", day(0), link("a", "anna"))}},
			byTouch("t1", day(0), "a")},
		{"LastTouch breaks a tie by the lowest code", LastTouch,
			Referee{Signup: signup, Touches: []Touch{touch("t1", day(0), link("b", "anna")), touch("t2", day(0), link("a", "anna"))}},
			byTouch("t2", day(0), "a")},
		{"LastTouch breaks a tie of one code by the lowest touch id", LastTouch,
			Referee{Signup: signup, Touches: []Touch{touch("t1", day(0), link("a", "anna")), touch("t2", day(0), link("a", "anna"))}},
			byTouch("t1", day(0), "a")},
		{"FirstTouch breaks a tie by the lowest code", FirstTouch,
			Referee{Signup: signup, Touches: []Touch{touch("t1", day(0), link("b", "anna")), touch("t2", day(0), link("a", "anna"))}},
			byTouch("t2", day(0), "a")},
		{"touches after signup and of other referrers are passed over", LastTouch,
			Referee{Signup: signup, Touches: []Touch{
				touch("t1", day(0), link("a", "anna")), touch("t2", day(1), link("b", "carl")), touch("t3", day(2), link("c", "anna")),
			}}, byTouch("t1", day(0), "a")},
		{"an altered row is kept when no link or touch fits and it names the pair's referrer", LastTouch,
			Referee{Signup: signup, Attribution: &altered}, altered},
		{"an altered row of another referrer is replaced by what the pair says", LastTouch,
			Referee{Signup: signup, Attribution: &Attribution{Campaign: "invite-friends", ReferrerID: "carl"}}, byPair(day(1))},
		{"without facts the pair's own time is the touch's", LastTouch, Referee{}, byPair(day(3))},
		{"the touch is not later than the purchase", LastTouch,
			Referee{Signup: signup, Purchases: []Purchase{{ID: "p1", PurchasedAt: day(0)}}}, byPair(day(0))},
		{"the touch is not later than any admitted purchase", LastTouch,
			Referee{
				Signup: signup, Pairs: []Pair{another(Granted, Qualified)},
				Purchases: []Purchase{{ID: "p1", PurchasedAt: day(1)}, {ID: "p2", PurchasedAt: day(0)}},
			}, byPair(day(0))},
		{"a purchase outside the window says nothing about the touch", LastTouch,
			Referee{
				Signup: signup, Pairs: []Pair{another(Reversed, OutsideWindow)},
				Purchases: []Purchase{{ID: "p1", PurchasedAt: day(1)}, {ID: "p2", PurchasedAt: day(0)}},
			}, byPair(day(1))},
		{"a touch after an admitted purchase is passed over", LastTouch,
			Referee{
				Signup: signup, Purchases: []Purchase{{ID: "p1", PurchasedAt: day(0)}},
				Touches: []Touch{touch("t1", day(0), link("a", "anna")), touch("t2", day(1), link("b", "anna"))},
			}, byTouch("t1", day(0), "a")},
		{"a restored pair whose purchase is missing does not say when it qualified", LastTouch,
			Referee{Signup: signup, Pairs: []Pair{lost}, Touches: []Touch{touch("t1", day(0), link("a", "anna"))}}, byTouch("t1", day(0), "a")},
		{"a typed code by which an admitted purchase would be too early is passed over", LastTouch,
			Referee{
				Signup: signup, Code: link("a", "anna"), Purchases: []Purchase{{ID: "p1", PurchasedAt: day(0)}},
				Touches: []Touch{touch("t1", day(0), link("b", "anna"))},
			}, byTouch("t1", day(0), "b")},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := &Configuration{Attribution: c.model}
			pair := &Pair{PurchaseID: "p1", Campaign: "invite-friends", ReferrerID: "anna", State: Granted, Ordinal: 1, QualifiedAt: day(3)}
			c.referee.Pairs = append(c.referee.Pairs, *pair)
			got := config.RestoreAttribution(&c.referee, pair)
			if diff := cmp.Diff(&c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAttributionIsKept(t *testing.T) {
	admitted := Pair{Campaign: "c", State: Granted, Ordinal: 1}
	reversed := Pair{Campaign: "c", State: Reversed, Ordinal: 1}
	waiting := Pair{Campaign: "c", State: Waiting}
	neverAdmitted := Pair{Campaign: "c", State: Reversed}
	for _, c := range []struct {
		name string
		mode Mode
		pair Pair
		want bool
	}{
		{"an admitted pair of an open campaign keeps it", Open, admitted, true},
		{"a pair that was reversed after its admission keeps it", Open, reversed, true},
		{"a pair of a campaign that is being reversed does not", Reversing, admitted, false},
		{"a waiting pair of an open campaign does not", Open, waiting, false},
		{"a waiting pair of a suspended campaign keeps it", Suspended, waiting, true},
		{"a waiting pair of a closed campaign keeps it", Closed, waiting, true},
		{"a waiting pair of a campaign without its policy keeps it", PolicyMissing, waiting, true},
		{"a reversed pair that was never admitted does not", Suspended, neverAdmitted, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := &Configuration{Campaigns: map[string]*Campaign{"c": {Name: "c", Mode: c.mode}}}
			pairs := []Pair{neverAdmitted, c.pair}
			keeper := config.AttributionKeeper(pairs)
			if got := config.KeepsAttribution(pairs); got != c.want || (keeper == &pairs[1]) != c.want {
				t.Errorf("KeepsAttribution is %t with %v, want %t", got, keeper, c.want)
			}
		})
	}
}
