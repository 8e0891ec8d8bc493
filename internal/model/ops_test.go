package model

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// An operation is one step of a history. It applies to the model and to the system. Times are hours
// on the history's clock, which starts at 100. A zero field means none.
type operation interface{ happen(h *history) }

type (
	addLink struct {
		Code, Campaign, Referrer, Label string
		Expires, Disabled               int
	}
	removeLink struct{ Code string }
	addTouch   struct {
		Visitor, ID, Code string
		At                int
	}
	removeTouch struct{ Visitor, ID string }
	addSignup   struct {
		User, Visitor, Code string
		At                  int
		Prints              []string
		VIP                 bool
	}
	removeSignup struct{ User string }
	addPurchase  struct {
		User, ID string
		Amount   int64
		Currency string
		At       int
		Category string
	}
	removePurchase struct{ User, ID string }
	addRefund      struct {
		User, Purchase, ID string
		Amount             int64
	}
	removeRefund struct{ User, Purchase, ID string }
	addOverride  struct{ User, Purchase, Verdict string }
	noOverride   struct{ User, Purchase string }
	adjust       struct {
		Beneficiary, ID string
		Amount          int64
		Currency        string
	}
	redeem struct {
		Beneficiary, ID string
		Amount          int64
		Currency        string
	}
	erase struct{ User string }
)

func hours(n int) at { return at(n) * hour }

// normal returns the code as it is compared: without ASCII white space around it, in lower case.
// All codes of histories are ASCII.
func normal(code string) string { return strings.ToLower(strings.Trim(code, " \t\n\v\f\r")) }

func (o addLink) happen(h *history) {
	h.links[o.Code] = link{o.Campaign, o.Referrer, o.Label, hours(o.Expires), hours(o.Disabled)}
	h.write(h.t, `INSERT INTO referral.link (code, campaign, referrer_id, label, expires_at, disabled_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (code) DO UPDATE SET (campaign, referrer_id, label, expires_at, disabled_at)
		= (excluded.campaign, excluded.referrer_id, excluded.label, excluded.expires_at, excluded.disabled_at)`,
		o.Code, o.Campaign, o.Referrer, o.Label, h.time(hours(o.Expires)), h.time(hours(o.Disabled)))
}

func (o removeLink) happen(h *history) {
	delete(h.links, o.Code)
	h.write(h.t, `DELETE FROM referral.link WHERE code = $1`, o.Code)
}

func (o addTouch) happen(h *history) {
	key := touchKey{o.Visitor, o.ID}
	_, blanked := h.blanks[key]
	if blanked && h.hidden {
		return // without triggers the signup may come back
	}
	if !blanked {
		h.touches[key] = touch{normal(o.Code), hours(o.At)}
	}
	h.write(h.t, `INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (visitor_id, touch_id) DO UPDATE SET (code, touched_at) = (excluded.code, excluded.touched_at)`,
		o.Visitor, o.ID, o.Code, h.time(hours(o.At)))
}

func (o removeTouch) happen(h *history) {
	delete(h.touches, touchKey{o.Visitor, o.ID})
	delete(h.blanks, touchKey{o.Visitor, o.ID})
	h.write(h.t, `DELETE FROM referral.touch WHERE (visitor_id, touch_id) = ($1, $2)`, o.Visitor, o.ID)
}

func (o addSignup) happen(h *history) {
	arrived := h.signups[o.User].arrived
	if arrived == 0 {
		arrived = h.clock()
	}
	was := h.signups[o.User]
	h.signups[o.User] = signup{visitor: o.Visitor, code: normal(o.Code), at: hours(o.At), prints: o.Prints, vip: o.VIP,
		arrived: arrived, blanked: was.blanked}
	attributes := map[string]any{}
	if o.VIP {
		attributes["vip"] = true
	}
	h.write(h.t, `INSERT INTO referral.signup (user_id, visitor_id, code, signed_up_at, fingerprints, attributes)
		VALUES ($1, nullif($2, ''), nullif($3, ''), $4, coalesce($5::text[], '{}'), $6)
		ON CONFLICT (user_id) DO UPDATE SET (visitor_id, code, signed_up_at, fingerprints, attributes)
		= (excluded.visitor_id, excluded.code, excluded.signed_up_at, excluded.fingerprints, excluded.attributes)`,
		o.User, o.Visitor, o.Code, h.time(hours(o.At)), o.Prints, attributes)
}

func (o removeSignup) happen(h *history) {
	delete(h.signups, o.User)
	h.write(h.t, `DELETE FROM referral.signup WHERE user_id = $1`, o.User)
}

func (o addPurchase) happen(h *history) {
	key := purchaseKey{o.User, o.ID}
	was := h.purchases[key]
	arrived := was.arrived
	if arrived == 0 {
		arrived = h.clock()
	}
	// If the purchase has attributes again, the condition reads these.
	blanked := was.blanked && (o.Category == was.category || h.hidden)
	h.purchases[key] = purchase{money{o.Amount, o.Currency}, hours(o.At), o.Category, arrived, blanked, blanked && was.held}
	attributes := map[string]any{}
	if o.Category != "" {
		attributes["category"] = o.Category
	}
	h.write(h.t, `INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at, attributes) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (user_id, purchase_id) DO UPDATE SET (amount, currency, purchased_at, attributes)
		= (excluded.amount, excluded.currency, excluded.purchased_at, excluded.attributes)`,
		o.User, o.ID, o.Amount, o.Currency, h.time(hours(o.At)), attributes)
}

func (o removePurchase) happen(h *history) {
	delete(h.purchases, purchaseKey{o.User, o.ID})
	h.write(h.t, `DELETE FROM referral.purchase WHERE (user_id, purchase_id) = ($1, $2)`, o.User, o.ID)
}

func (o addRefund) happen(h *history) {
	h.refunds[refundKey{o.User, o.Purchase, o.ID}] = o.Amount
	h.write(h.t, `INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ($1, $2, $3, $4)
		ON CONFLICT (user_id, purchase_id, refund_id) DO UPDATE SET amount = excluded.amount`, o.User, o.Purchase, o.ID, o.Amount)
}

func (o removeRefund) happen(h *history) {
	delete(h.refunds, refundKey{o.User, o.Purchase, o.ID})
	h.write(h.t, `DELETE FROM referral.refund WHERE (user_id, purchase_id, refund_id) = ($1, $2, $3)`, o.User, o.Purchase, o.ID)
}

func (o addOverride) happen(h *history) {
	h.overrides[purchaseKey{o.User, o.Purchase}] = o.Verdict
	h.write(h.t, `INSERT INTO referral.override (user_id, purchase_id, verdict) VALUES ($1, $2, $3)
		ON CONFLICT (user_id, purchase_id) DO UPDATE SET verdict = excluded.verdict`, o.User, o.Purchase, o.Verdict)
}

func (o noOverride) happen(h *history) {
	delete(h.overrides, purchaseKey{o.User, o.Purchase})
	h.write(h.t, `DELETE FROM referral.override WHERE (user_id, purchase_id) = ($1, $2)`, o.User, o.Purchase)
}

// adjust appends; a second adjustment of the same id is ignored.
func (o adjust) happen(h *history) {
	if _, ok := h.adjustments[adjustmentKey{o.Beneficiary, o.ID}]; !ok {
		h.adjustments[adjustmentKey{o.Beneficiary, o.ID}] = money{o.Amount, o.Currency}
	}
	h.write(h.t, `INSERT INTO referral.adjustment (beneficiary_id, adjustment_id, amount, currency) VALUES ($1, $2, $3, $4)
		ON CONFLICT DO NOTHING`, o.Beneficiary, o.ID, o.Amount, o.Currency)
}

// redeem appends too, and is refused if less credit is available.
func (o redeem) happen(h *history) {
	_, spent := h.redemptions[adjustmentKey{o.Beneficiary, o.ID}]
	covered := h.balances()[account{o.Beneficiary, o.Currency}].Available >= o.Amount
	_, err := h.writer.Exec(context.Background(), `INSERT INTO referral.redemption (beneficiary_id, redemption_id, amount, currency)
		VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, o.Beneficiary, o.ID, o.Amount, o.Currency)
	refused := sqlState(err) == "23514"
	if h.besideBatch && !spent {
		covered = !refused // a commit of the batch may have changed the balance in between
	}
	switch {
	case err != nil && !refused:
		must(h.t, err)
	case refused == (spent || covered):
		h.disagree("whether credit may be spent", fmt.Sprintf("%+v: spent before %t, covered %t, the system says %v", o, spent, covered, err))
	case !spent && covered:
		h.redemptions[adjustmentKey{o.Beneficiary, o.ID}] = money{o.Amount, o.Currency}
	}
}

// erase requests an erasure, also while changes are pending. The engine carries it out.
func (o erase) happen(h *history) {
	refuse{}.happen(h)
	_, err := h.writer.Exec(context.Background(), "SELECT referral.erase_user($1)", o.User)
	must(h.t, err)
	if h.erasures[o.User] == nil {
		h.erasures[o.User] = &erasing{visitors: map[string]bool{}}
	}
	h.erasures[o.User].requested = true
}

func sqlState(err error) string {
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		return server.Code
	}
	return ""
}

type (
	// declare declares a campaign for the first time, or edits it.
	declare struct {
		Campaign      string
		Starts, Ends  int
		Window        int
		Budget        int64
		Currency      string // of the budget; empty: USD
		Suspended     bool
		Policy        terms
		PolicyName    string // empty: policy
		Scope         string
		PolicyMissing bool // the other fields have no effect then
	}
	// again repeats the last declaration in another mode. A campaign that was never declared
	// remains undeclared.
	again struct{ Campaign, Mode string }
	// revert repeats the declaration before the last, with its scope or another one.
	revert struct{ Campaign, Scope string }
	// lag repeats an earlier generation of the campaign or of its policy, as a controller with an
	// outdated cache does. The system must ignore it.
	lag struct {
		Campaign string
		Policy   bool
	}
	closeCampaign   struct{ Campaign string }
	reverseCampaign struct{ Campaign string }
	// settings sets the attribution model and suspension of the database.
	settings struct{ FirstTouch, Suspended bool }
	// advance lets hours pass.
	advance struct{ Hours int }
	// converge makes engines work until nothing is pending.
	converge struct {
		Batch int // size of batches; zero: the default
		Crash int // the first engine loses its connections at this statement; zero: none does
		Deaf  bool
		Two   bool // two engines at once
		Again bool // then every referee is decided again
	}
	// resync makes the engine compare everything. Nothing else notices a fact that was written
	// without triggers (Hidden) or a result that was altered (Tampered).
	resync struct {
		Hidden   operation
		Tampered string // one of tampers; empty: none
	}
)

func (o declare) happen(h *history) {
	declaration := o.declaration(h)
	if o.PolicyMissing {
		if c := h.campaigns[o.Campaign]; c != nil {
			c.mode = policyMissing
		}
	} else {
		h.declare(o, &declaration)
	}
	h.uids[o.Campaign] = declaration.UID
	_, err := database.Declare(context.Background(), h.db, declaration)
	must(h.t, err)
}

// declaration returns the declaration as a controller sends it.
func (o declare) declaration(h *history) database.Declaration {
	h.generation++
	declaration := database.Declaration{
		Campaign: database.Campaign{OwnerUID: ownerUID, Name: o.Campaign, UID: fmt.Sprint(o.Campaign, "-uid-", h.deleted[o.Campaign])},
		Mode:     database.Open,
		StartsAt: orZero(h.time(hours(o.Starts))), EndsAt: orZero(h.time(hours(o.Ends))), AttributionWindow: time.Duration(o.Window) * time.Hour,
		Destination: "https://mysite.test/", Generation: h.generation,
		Policy: database.Policy{Name: o.policy(), UID: o.policy() + "-uid", Generation: h.generation}, Scope: o.Scope,
	}
	if o.PolicyMissing {
		declaration.Mode = database.PolicyMissing
		return declaration
	}
	if o.Suspended {
		declaration.Mode = database.Suspended
	}
	if o.Budget > 0 {
		declaration.Budget = &database.Money{Amount: o.Budget, Currency: cmp.Or(o.Currency, "USD")}
	}
	written := o.Policy.written()
	text, err := json.Marshal(written)
	must(h.t, err)
	declaration.Terms, declaration.Digest, declaration.PairsPerReferrer = text, written.Digest(), o.Policy.Cap
	return declaration
}

func (o declare) policy() string { return cmp.Or(o.PolicyName, "policy") }

func (o again) happen(h *history) {
	last, ok := h.last[o.Campaign]
	if !ok {
		return
	}
	last.Suspended, last.PolicyMissing = o.Mode == suspended, o.Mode == policyMissing
	last.happen(h)
}

func (o revert) happen(h *history) {
	if before, ok := h.declares(o); ok {
		before.happen(h)
	}
}

// declares returns the declaration that an operation makes; false: it makes none.
func (h *history) declares(o operation) (declare, bool) {
	switch o := o.(type) {
	case declare:
		return o, !o.PolicyMissing
	case revert:
		before := h.before[o.Campaign]
		before.Scope = cmp.Or(o.Scope, before.Scope)
		return before, before.Campaign != ""
	case again:
		last, ok := h.last[o.Campaign]
		last.Suspended = o.Mode == suspended
		return last, ok && o.Mode != policyMissing
	}
	return declare{}, false
}

func (o lag) happen(h *history) {
	sent := h.sent[o.Campaign]
	if len(sent) < 2 {
		return
	}
	declaration := sent[len(sent)-2]
	if o.Policy {
		h.generation++
		declaration.Generation, declaration.UID = h.generation, sent[len(sent)-1].UID
	}
	if newest := sent[len(sent)-1]; declaration.UID != newest.UID || o.Policy && declaration.Policy.UID != newest.Policy.UID {
		return // the earlier declaration is of another object
	}
	declared, err := database.Declare(context.Background(), h.db, declaration)
	must(h.t, err)
	if !declared.Stale {
		h.disagree("a declaration that lags behind was not ignored", fmt.Sprintf("%+v", declaration))
	}
}

// declare applies a declaration to the model.
func (h *history) declare(o declare, declaration *database.Declaration) {
	c := h.campaigns[o.Campaign]
	if c == nil {
		c = &campaign{}
		h.campaigns[o.Campaign] = c
	}
	h.before[o.Campaign], h.last[o.Campaign] = h.last[o.Campaign], o
	c.mode, c.starts, c.ends, c.window = open, hours(o.Starts), hours(o.Ends), hours(o.Window)
	c.budget, c.currency = o.Budget, cmp.Or(o.Currency, "USD")
	if o.Suspended {
		c.mode = suspended
	}
	c.cap = o.Policy.Cap
	c.revise(o.Policy, o.Scope, h.clock)
	h.sent[o.Campaign] = append(h.sent[o.Campaign], *declaration)
}

// written returns these terms in the system's form.
func (t terms) written() reward.Terms {
	w := reward.Terms{
		Purchases: reward.FirstPurchase, MinimumAmounts: t.Minimums, Condition: t.Condition,
		WithinSignup: time.Duration(t.Within) * time.Hour, BeforeSignup: time.Duration(t.Before) * time.Hour, HoldPeriod: time.Duration(t.Hold) * time.Hour,
	}
	if t.Every {
		w.Purchases = reward.EveryPurchase
	}
	for _, from := range t.Rewards {
		to := reward.Reward{Name: from.Name, Beneficiary: reward.ToReferrer}
		if from.Referee {
			to.Beneficiary = reward.ToReferee
		}
		if from.Rate != "" {
			to.Percentage = &reward.Percentage{Rate: from.Rate, MaximumAmounts: from.Maximums}
		}
		if from.Amount > 0 {
			to.Fixed = &reward.Money{Amount: from.Amount, Currency: from.Currency}
		}
		for _, tier := range from.Tiers {
			to.Tiers = append(to.Tiers, reward.Tier{FromPair: tier.From, Fixed: reward.Money{Amount: tier.Amount, Currency: from.Currency}})
		}
		w.Rewards = append(w.Rewards, to)
	}
	return w
}

func (o closeCampaign) happen(h *history) {
	h.deleted[o.Campaign]++
	if c := h.campaigns[o.Campaign]; c != nil {
		c.mode = closed
	}
	_, err := database.CloseCampaign(context.Background(), h.db, h.object(o.Campaign))
	must(h.t, err)
}

// object is a campaign under the UID that declared it last.
func (h *history) object(campaign string) database.Campaign {
	return database.Campaign{OwnerUID: ownerUID, Name: campaign, UID: h.uids[campaign]}
}

// The reversal is repeated until nothing is left to reverse.
func (o reverseCampaign) happen(h *history) {
	h.deleted[o.Campaign]++
	h.reverseCampaign(o.Campaign)
}

// reverseCampaign asks for nothing once the campaign is closed: its object is gone.
func (h *history) reverseCampaign(name string) {
	c := h.campaigns[name]
	if c != nil && c.mode == closed {
		return
	}
	left, err := database.ReverseCampaign(context.Background(), h.db, h.object(name))
	must(h.t, err)
	if c != nil {
		for _, p := range h.pairs {
			if p.campaign == name && p.state == "Waiting" && c.mode != reversing {
				h.coverage.add("pair that waits and is taken back")
			}
		}
		c.mode = reversing
		expected := h.unreversed(name)
		if h.besideBatch && left > 0 {
			left = max(expected, 1) // a commit of the batch may have changed the counters in between
			h.coverage.add("reversal that begins during a batch")
		}
		if left != max(expected, 1) && (left != 0 || expected > 0) { // the system answers 1 until it has found nothing left
			h.disagree("pairs that are left to reverse", fmt.Sprintf("of %s there are %d, the system says %d", name, expected, left))
		}
		if left == 0 {
			c.mode = closed
		}
	}
}

func (m *model) unreversed(campaign string) (n int64) {
	for _, p := range m.pairs {
		if p.campaign == campaign && p.state != "Reversed" {
			n++
		}
	}
	return n
}

func (o settings) happen(h *history) {
	h.generation++
	model := database.LastTouch
	if o.FirstTouch {
		model = database.FirstTouch
	}
	h.firstTouch, h.suspended = o.FirstTouch, o.Suspended
	must(h.t, database.SetAttribution(context.Background(), h.db, ownerUID, h.generation, model))
	must(h.t, database.SetSuspended(context.Background(), h.db, ownerUID, h.generation, o.Suspended))
}

func (o advance) happen(h *history) {
	h.now += hours(o.Hours)
	h.advance(h.t, hours(o.Hours))
}

func (o converge) happen(h *history) { h.converge(o) }

func (o resync) happen(h *history) { h.resync(o) }

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

type (
	// limitLosses sets how many pairs may be reversed for missing rows, so that a small shop has
	// incidents.
	limitLosses struct{ Pairs int64 }
	// permit reads the status, which reports what is withheld, and permits the reported reversals
	// of a campaign.
	permit struct{ Campaign string }
	// lose removes the purchases of held and granted pairs of a campaign, at most so many.
	lose struct {
		Campaign string
		Most     int
	}
	// regain records a purchase again whose pair is withheld since it is missing.
	regain struct{ Amount int64 }
)

// byPurchase orders the keys of pairs.
func byPurchase(a, b purchaseKey) int {
	return cmp.Or(cmp.Compare(a.user, b.user), cmp.Compare(a.id, b.id))
}

func (o lose) happen(h *history) {
	for _, key := range slices.SortedFunc(maps.Keys(h.pairs), byPurchase) {
		if p := h.pairs[key]; o.Most > 0 && p.campaign == o.Campaign && p.occupies() {
			removePurchase{key.user, key.id}.happen(h)
			o.Most--
		}
	}
}

func (o regain) happen(h *history) {
	for _, key := range slices.SortedFunc(maps.Keys(h.withheld), byPurchase) {
		if _, present := h.purchases[key]; !present {
			addPurchase{User: key.user, ID: key.id, Amount: o.Amount, Currency: "USD", At: 95}.happen(h)
			return
		}
	}
}

func (o limitLosses) happen(h *history) { h.lossLimit = o.Pairs }

func (o permit) happen(h *history) {
	ctx := context.Background()
	status, err := database.ReadStatus(ctx, h.db)
	must(h.t, err)
	for i := range status.Campaigns {
		if c := &status.Campaigns[i]; c.Name == o.Campaign && c.Resync.MassReversal != nil {
			must(h.t, database.AllowReversals(ctx, h.db, database.Campaign{OwnerUID: ownerUID, Name: o.Campaign}, c.Resync.MassReversal.ID))
		}
	}
}
