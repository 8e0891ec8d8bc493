package reward

import (
	"slices"
	"time"

	"pgregory.net/rapid"
)

// world is a random referee under a random configuration.
type world struct {
	config  Configuration
	referee Referee
	now     time.Time
	first   bool // all terms are about the first purchase only
}

var (
	campaigns = []string{"one", "two", "undeclared"}
	people    = []string{"anna", "carl", "ben"} // ben is the referee
	ids       = []string{"p1", "p2", "p3"}
	prints    = []string{"card", "device", "address"}
)

func drawWorld(t *rapid.T) *world {
	w := &world{now: drawTime(t, "now"), first: rapid.Bool().Draw(t, "first only")}
	w.config = Configuration{
		Attribution: rapid.SampledFrom([]AttributionModel{LastTouch, FirstTouch}).Draw(t, "model"),
		Campaigns:   map[string]*Campaign{},
	}
	for _, name := range campaigns[:2] {
		c := &Campaign{Name: name, Mode: Open, AttributionWindow: 24 * time.Hour}
		c.Revisions = []Revision{{Number: 1, RecordedAt: drawTime(t, name+" recorded"), Terms: w.drawTerms(t)}}
		w.config.Campaigns[name] = c
	}
	w.referee = Referee{UserID: "ben"}
	for range rapid.IntRange(2, 8).Draw(t, "changes at first") {
		w.change(t)
	}
	if rapid.Bool().Draw(t, "with a past that no history leaves") {
		w.drawPast(t)
	}
	return w
}

func (w *world) drawTerms(t *rapid.T) Terms {
	terms := Terms{
		Purchases:    FirstPurchase,
		WithinSignup: rapid.SampledFrom([]time.Duration{0, 24 * time.Hour, 1<<63 - 1}).Draw(t, "withinSignup"),
		HoldPeriod:   rapid.SampledFrom([]time.Duration{0, 1, 48 * time.Hour, 1<<63 - 1}).Draw(t, "hold"),
		Rewards:      []Reward{toAnna(drawAmount(t, "fixed", 1))},
	}
	if !w.first && rapid.Bool().Draw(t, "every") {
		terms.Purchases = EveryPurchase
	}
	if rapid.Bool().Draw(t, "with minimum") {
		terms.MinimumAmounts = map[string]int64{"USD": drawAmount(t, "minimum", 1)}
	}
	if rapid.Bool().Draw(t, "with share") {
		share := toBen(rapid.SampledFrom([]string{"0.0001", "12.5", "33.3333", "100"}).Draw(t, "rate"))
		share.Name = "share"
		if rapid.Bool().Draw(t, "with maximum") {
			share.Percentage.MaximumAmounts = map[string]int64{"USD": drawAmount(t, "maximum", 1)}
		}
		terms.Rewards = append(terms.Rewards, share)
	}
	return terms
}

// change makes one fact or one setting different.
func (w *world) change(t *rapid.T) {
	r := &w.referee
	campaign := w.config.Campaigns[rapid.SampledFrom(campaigns[:2]).Draw(t, "campaign")]
	id := rapid.SampledFrom(ids).Draw(t, "purchase")
	switch rapid.IntRange(0, 14).Draw(t, "change") {
	case 0, 1:
		r.Signup = &Signup{SignedUpAt: drawTime(t, "signed up"), ArrivedAt: drawTime(t, "arrived"), Fingerprints: drawPrints(t)}
		r.Code = nil
		if rapid.IntRange(0, 2).Draw(t, "typed") == 0 {
			r.Signup.Code = "typed"
			r.Code = rapid.SampledFrom([]*Link{nil, w.drawLink(t)}).Draw(t, "code")
		}
	case 2:
		r.Signup, r.Code = nil, nil
	case 3, 4:
		touch := Touch{VisitorID: "v", TouchID: rapid.SampledFrom(ids).Draw(t, "touch"), TouchedAt: drawTime(t, "touched"), Link: w.drawLink(t)}
		r.Touches = slices.DeleteFunc(r.Touches, func(u Touch) bool { return u.TouchID == touch.TouchID })
		r.Touches = append(r.Touches, touch)
	case 5:
		r.Touches = nil
	case 6, 7, 8:
		purchase := Purchase{
			ID: id, Amount: drawAmount(t, "amount", 0), Refunded: drawAmount(t, "refunded", 0),
			Currency:    rapid.SampledFrom([]string{"USD", "USD", "EUR"}).Draw(t, "currency"),
			PurchasedAt: drawTime(t, "purchased"), ArrivedAt: drawTime(t, "arrived"),
			Override: rapid.SampledFrom([]Verdict{NoVerdict, NoVerdict, Allow, Deny}).Draw(t, "override"),
		}
		r.Purchases = slices.DeleteFunc(r.Purchases, func(p Purchase) bool { return p.ID == id })
		r.Purchases = append(r.Purchases, purchase)
	case 9:
		r.Purchases = slices.DeleteFunc(r.Purchases, func(p Purchase) bool { return p.ID == id })
	case 10:
		if p := r.purchaseOf(id); p != nil {
			p.Override = rapid.SampledFrom([]Verdict{NoVerdict, Allow, Deny}).Draw(t, "override")
		}
	case 11:
		r.ReferrerFingerprints = map[string][]string{"anna": drawPrints(t), "carl": drawPrints(t)}
	case 12:
		campaign.Mode = rapid.SampledFrom([]Mode{Open, Open, Suspended, PolicyMissing, Closed}).Draw(t, "mode")
	case 13:
		campaign.StartsAt = rapid.SampledFrom([]time.Time{{}, day(1)}).Draw(t, "starts")
		campaign.EndsAt = rapid.SampledFrom([]time.Time{{}, day(2)}).Draw(t, "ends")
		campaign.AttributionWindow = rapid.SampledFrom([]time.Duration{time.Hour, 24 * time.Hour, 1<<63 - 1}).Draw(t, "window")
	case 14:
		campaign.Revisions = append(campaign.Revisions, Revision{
			Number: len(campaign.Revisions) + 1, RecordedAt: drawTime(t, "recorded"), Terms: w.drawTerms(t),
		})
	}
	w.now = drawTime(t, "now")
}

// drawPast draws pairs and ledger sums that only damaged rows can have.
func (w *world) drawPast(t *rapid.T) {
	r := &w.referee
	if rapid.Bool().Draw(t, "attributed") {
		r.Attribution = &Attribution{
			Campaign: rapid.SampledFrom(campaigns).Draw(t, "campaign"), ReferrerID: rapid.SampledFrom(people).Draw(t, "referrer"),
			TouchedAt: drawTime(t, "touched"), Source: rapid.SampledFrom([]Source{FromCode, FromTouch}).Draw(t, "source"),
		}
		if r.Attribution.Source == FromTouch {
			r.Attribution.VisitorID = "v"
		}
	}
	w.first = false // pairs of the past may have been admitted side by side
	for _, id := range ids {
		if !rapid.Bool().Draw(t, "pair") {
			continue
		}
		state := rapid.SampledFrom([]State{Held, Granted, Waiting, Reversed}).Draw(t, "state")
		ordinal := rapid.Int64Range(0, 2).Draw(t, "ordinal")
		if state == Held || state == Granted {
			ordinal++
		}
		r.Pairs = append(r.Pairs, Pair{
			PurchaseID: id, Campaign: rapid.SampledFrom(campaigns).Draw(t, "campaign"), ReferrerID: "anna", Revision: rapid.IntRange(0, 2).Draw(t, "revision"),
			State: state, Ordinal: ordinal,
			Reason:      rapid.SampledFrom([]Reason{Qualified, Overridden, Refunded, HoldPeriod}).Draw(t, "reason"),
			QualifiedAt: drawTime(t, "qualified"), MaturesAt: drawTime(t, "matures"),
		})
		r.Ledger = append(r.Ledger, LedgerSum{
			LedgerKey: LedgerKey{PurchaseID: id, Reward: "inviter", Campaign: "one", BeneficiaryID: "anna", Currency: "USD"},
			Sum:       rapid.Int64().Draw(t, "sum"), LastSeq: rapid.IntRange(1, 9).Draw(t, "seq"),
		})
	}
}

func (w *world) drawLink(t *rapid.T) *Link {
	return &Link{
		Code:       rapid.SampledFrom([]string{"a", "b"}).Draw(t, "code"),
		Campaign:   rapid.SampledFrom(campaigns).Draw(t, "campaign"),
		ReferrerID: rapid.SampledFrom(people).Draw(t, "referrer"),
		ExpiresAt:  rapid.SampledFrom([]*time.Time{nil, nil, new(day(1))}).Draw(t, "expires"),
		DisabledAt: rapid.SampledFrom([]*time.Time{nil, nil, new(day(1))}).Draw(t, "disabled"),
	}
}

func drawPrints(t *rapid.T) []string {
	return slices.Clone(prints[:rapid.IntRange(0, len(prints)).Draw(t, "fingerprints")])
}

func (r *Referee) pair(id string) *Pair {
	for i := range r.Pairs {
		if r.Pairs[i].PurchaseID == id {
			return &r.Pairs[i]
		}
	}
	return nil
}

func (r *Referee) purchaseOf(id string) *Purchase {
	for i := range r.Purchases {
		if r.Purchases[i].ID == id {
			return &r.Purchases[i]
		}
	}
	return nil
}

// clone returns a copy that shares no slice with r.
func (r *Referee) clone() Referee {
	c := *r
	c.Touches, c.Purchases = slices.Clone(r.Touches), slices.Clone(r.Purchases)
	c.Pairs, c.Ledger = slices.Clone(r.Pairs), slices.Clone(r.Ledger)
	return c
}

func (r *Referee) shuffled(t *rapid.T) Referee {
	c := r.clone()
	c.Touches = rapid.Permutation(c.Touches).Draw(t, "touches")
	c.Purchases = rapid.Permutation(c.Purchases).Draw(t, "purchases")
	c.Pairs = rapid.Permutation(c.Pairs).Draw(t, "pairs")
	c.Ledger = rapid.Permutation(c.Ledger).Draw(t, "sums")
	return c
}
