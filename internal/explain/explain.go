package explain

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// Explanation says why the purchases of one user earn what they earn.
type Explanation struct {
	UserID        string       `json:"user_id" doc:"The application's pseudonym of the user"`
	SignedUp      bool         `json:"signed_up" doc:"Whether the user's signup is known"`
	Attribution   *Attribution `json:"attribution" doc:"The link that the signup is attributed to; null: none"`
	NotAttributed string       `json:"not_attributed,omitempty" doc:"Why the signup is attributed to no link"`
	Suspended     string       `json:"suspended,omitempty" doc:"The suspended campaign that must be resumed before anything changes"`
	Purchases     []Purchase   `json:"purchases" doc:"The user's purchases, each with what is decided about it"`
}

// Attribution is the link, and so referrer and campaign, that a signup belongs to.
type Attribution struct {
	Campaign   string    `json:"campaign" doc:"The campaign of the link"`
	Code       string    `json:"code" doc:"The code of the link"`
	ReferrerID string    `json:"referrer_id" doc:"The application's pseudonym of the referrer"`
	Label      string    `json:"label" doc:"The label of the link"`
	TouchedAt  time.Time `json:"touched_at" doc:"When the link was followed; for a typed code, when the user signed up"`
	Source     string    `json:"source" enum:"Code,Touch" doc:"Code: typed at the signup; Touch: followed before it"`

	visitorID, touchID string // empty for a typed code
}

// Purchase is one purchase, and what is decided about it and its signup.
type Purchase struct {
	PurchaseID string     `json:"purchase_id" doc:"The application's id of the purchase"`
	Amount     int64      `json:"amount" doc:"Net of refunds, in minor units of the currency; 0 if it was not judged"`
	Currency   string     `json:"currency,omitempty" doc:"ISO 4217; left out: it was not judged"`
	Revision   int        `json:"revision,omitempty" doc:"The revision of the campaign's terms that it is judged under"`
	State      string     `json:"state" enum:"NotCounting,Waiting,Held,Granted,Reversed,Undecided" doc:"Undecided: it counts, or may count, and is not decided yet"`
	Reason     string     `json:"reason,omitempty" doc:"Why it is in that state"`
	Against    []string   `json:"against" doc:"Every reason why it does not count, not only the first"`
	Pending    bool       `json:"pending" doc:"True: the engine has not yet recorded this decision"`
	MaturesAt  *time.Time `json:"matures_at,omitempty" doc:"When a held pair is granted"`
	Credits    []Credit   `json:"credits" doc:"What it earns"`
	Campaign   string     `json:"campaign,omitempty" doc:"The campaign that it is judged in"`
	Digest     string     `json:"digest,omitempty" doc:"Digest of the revision"`
	Checks     []Check    `json:"checks" doc:"The rules that it was checked against, with their numbers"`
	Remedy     string     `json:"remedy,omitempty" doc:"What has to happen for a credit; left out: nothing"`

	PurchasedAt *time.Time `json:"-"` // nil: the purchase is no longer recorded
	Unrecorded  Unrecorded `json:"-"` // of a decision that is Pending
}

// Unrecorded is what the engine has not recorded of a decision yet. Empty: nothing.
type Unrecorded string

const (
	UnrecordedState    Unrecorded = "state"    // or reason
	UnrecordedAmount   Unrecorded = "amount"   // or beneficiary
	UnrecordedTime     Unrecorded = "time"     // of a held pair: when it is granted
	UnrecordedRevision Unrecorded = "revision" // alone
)

// Check is the outcome of one rule.
type Check struct {
	Rule   string `json:"rule" doc:"Name of the rule"`
	Passed bool   `json:"passed" doc:"Whether the purchase meets the rule"`
	Detail string `json:"detail,omitempty" doc:"The comparison, such as 19.20 USD < 20.00 USD"`
}

// Credit is what one reward of a pair earns.
type Credit struct {
	Reward        string `json:"reward" doc:"Name of the reward in the policy"`
	BeneficiaryID string `json:"beneficiary_id" doc:"The application's pseudonym of the person who earns it"`
	Amount        int64  `json:"amount" doc:"Minor units of the currency"`
	Currency      string `json:"currency" doc:"ISO 4217"`
}

// Undecided is the state of a purchase that counts, or may count, and is not decided yet.
const Undecided = "Undecided"

// mostBytes bounds the memory of one explanation. It is enough for thousands of purchases.
const mostBytes = 4 << 20

// ErrTooLarge is the error for a user with too many facts to be explained at once.
var ErrTooLarge = engine.ErrTooMuchKnown

// ErrUndecidable is the error for a user who cannot be decided, and so is set aside.
var ErrUndecidable = engine.ErrUndecidable

// Of explains a user's purchases. It needs only the rights of a reader. An unknown user has an
// explanation without a signup; for a user with too many facts the error is ErrTooLarge, and for one
// who is to be set aside ErrUndecidable. A statement that takes longer than statementTimeout ends it.
func Of(ctx context.Context, db *postgres.DB, userID string) (Explanation, error) {
	explanation, _, err := explained(ctx, db, userID)
	return explanation, err
}

// explained returns the explanation and what it rests on. If the error is ErrTooLarge or
// ErrUndecidable, that has the configuration.
func explained(ctx context.Context, db *postgres.DB, userID string) (Explanation, engine.Known, error) {
	known, err := engine.LoadKnown(ctx, db, userID, mostBytes, statementTimeout)
	if err != nil {
		return Explanation{}, known, err
	}
	found, err := reward.Explain(known.Config, known.Referee, known.At)
	if err != nil {
		return Explanation{}, known, fmt.Errorf("%w: %w", ErrUndecidable, err)
	}
	explanation := Explanation{
		UserID: userID, SignedUp: known.Referee.Signup != nil, NotAttributed: string(found.NotAttributed), Purchases: []Purchase{},
	}
	explanation.Suspended = suspended(&known, &found)
	if a := found.Attribution; a != nil {
		explanation.Attribution = &Attribution{a.Campaign, a.Code, a.ReferrerID, a.Label, postgres.Representable(a.TouchedAt), string(a.Source), a.VisitorID, a.TouchID}
	}
	pairs := make(map[string]*reward.Pair, len(known.Referee.Pairs))
	for i := range known.Referee.Pairs {
		pairs[known.Referee.Pairs[i].PurchaseID] = &known.Referee.Pairs[i]
	}
	decisions := make(map[string]*reward.Decision, len(found.Decisions))
	for i := range found.Decisions {
		decisions[found.Decisions[i].PurchaseID] = &found.Decisions[i]
	}
	for i := range found.Purchases {
		judged := &found.Purchases[i]
		p := explain(judged, pairs[judged.PurchaseID], decisions[judged.PurchaseID])
		p.judgedUnder(&known, judged, pairs[judged.PurchaseID])
		explanation.Purchases = append(explanation.Purchases, p)
	}
	return explanation, known, checkPurchases(explanation.Purchases)
}

// mostCredits is twice the rewards that a policy may have.
const mostCredits = 16

// checkPurchases returns an error if a purchase is listed twice, or has two credits of one reward
// or too many credits. The schema rules that out, but a tenant may have altered it, and the API
// server refuses a status with such lists.
func checkPurchases(purchases []Purchase) error {
	shown := func(id string) string { return strings.ToValidUTF8(id, "\uFFFD") } // as JSON has it
	listed := make(map[string]bool, len(purchases))
	for i := range purchases {
		p := &purchases[i]
		if listed[shown(p.PurchaseID)] {
			return fmt.Errorf("purchase %q is there twice", p.PurchaseID)
		}
		listed[shown(p.PurchaseID)] = true
		if len(p.Credits) > mostCredits {
			return fmt.Errorf("purchase %q has more than %d credits", p.PurchaseID, mostCredits)
		}
		rewards := make(map[string]bool, len(p.Credits))
		for _, c := range p.Credits {
			if rewards[shown(c.Reward)] {
				return fmt.Errorf("purchase %q has two credits of reward %q", p.PurchaseID, c.Reward)
			}
			rewards[shown(c.Reward)] = true
		}
	}
	return nil
}

// suspended returns the name of a suspended campaign of the user; empty: there is none.
func suspended(known *engine.Known, found *reward.Explanation) string {
	names := found.Deferred
	if found.Attribution != nil {
		names = append([]string{found.Attribution.Campaign}, names...)
	}
	for _, name := range names {
		if campaign := known.Config.Campaigns[name]; campaign != nil && campaign.Mode == reward.Suspended {
			return name
		}
	}
	return ""
}

// explain returns a purchase as it is decided now or, if a decision is missing, as it is recorded.
func explain(judged *reward.ExplainedPurchase, recorded *reward.Pair, decided *reward.Decision) Purchase {
	p := Purchase{
		PurchaseID: judged.PurchaseID, Amount: judged.Net.Amount, Currency: judged.Net.Currency, Revision: judged.Revision,
		State: string(reward.NotCounting), Against: []string{}, Credits: []Credit{},
	}
	for _, reason := range judged.Reasons {
		p.Against = append(p.Against, string(reason))
	}
	switch {
	case decided != nil && decided.State != "":
		p.setState(decided.State, decided.Reason, decided.MaturesAt, decided.Credits)
		p.Unrecorded = unrecorded(recorded, decided)
	case recorded != nil && (decided == nil || recorded.State != reward.Reversed): // else it counts again
		p.setState(recorded.State, recorded.Reason, recorded.MaturesAt, recorded.Credits)
		if decided != nil && recorded.State.Occupies() && recorded.Reason != reward.BudgetExhausted {
			p.Unrecorded = UnrecordedAmount // it earns more, or waits for the budget
		}
	case len(judged.Reasons) > 0:
		p.Reason = p.Against[0]
	default:
		p.State, p.Unrecorded = Undecided, UnrecordedState
	}
	p.Pending = p.Unrecorded != ""
	return p
}

// unrecorded returns what of a decision is not recorded yet. It compares what an answer shows of
// what the engine records.
func unrecorded(recorded *reward.Pair, decided *reward.Decision) Unrecorded {
	switch {
	case recorded == nil && decided.State == reward.NotCounting:
		return ""
	case recorded == nil || recorded.State != decided.State || recorded.Reason != decided.Reason:
		return UnrecordedState
	case !sameCredits(recorded.Credits, decided.Credits):
		return UnrecordedAmount
	case decided.State == reward.Held && !recorded.MaturesAt.Equal(decided.MaturesAt):
		return UnrecordedTime
	case recorded.Revision != decided.Revision:
		return UnrecordedRevision
	}
	return ""
}

// sameCredits reports whether both are the same credits, in any order. Each reward has at most one.
func sameCredits(recorded, decided []reward.Credit) bool {
	return len(recorded) == len(decided) && !slices.ContainsFunc(decided, func(c reward.Credit) bool { return !slices.Contains(recorded, c) })
}

// setState sets state and reason, and what follows from them.
func (p *Purchase) setState(state reward.State, reason reward.Reason, maturesAt time.Time, credits []reward.Credit) {
	p.State, p.Reason = string(state), string(reason)
	if state == reward.Held {
		p.MaturesAt = new(postgres.Representable(maturesAt))
	}
	for _, c := range credits {
		p.Credits = append(p.Credits, Credit{c.Reward, c.BeneficiaryID, c.Amount, c.Currency})
	}
}

// mostDetail is the most characters of a check's detail: a condition may be long.
const mostDetail = 200

// judgedUnder adds where and under which terms a purchase is judged, with the checks and the
// remedy.
func (p *Purchase) judgedUnder(known *engine.Known, judged *reward.ExplainedPurchase, recorded *reward.Pair) {
	p.Campaign, p.Checks = judged.Campaign, []Check{}
	if p.Campaign == "" && recorded != nil {
		p.Campaign, p.Revision = recorded.Campaign, recorded.Revision
	}
	var mode reward.Mode
	if campaign := known.Config.Campaigns[p.Campaign]; campaign != nil {
		mode = campaign.Mode
		for i := range campaign.Revisions {
			if campaign.Revisions[i].Number == p.Revision {
				p.Digest = campaign.Revisions[i].Terms.Digest()
			}
		}
	}
	for _, c := range judged.Checks {
		p.Checks = append(p.Checks, Check{string(c.Rule), c.Passed, cut(c.Detail, mostDetail)})
	}
	for i := range known.Referee.Purchases {
		if purchase := &known.Referee.Purchases[i]; purchase.ID == p.PurchaseID {
			p.PurchasedAt = new(postgres.Representable(purchase.PurchasedAt))
		}
	}
	p.describe(mode, known.Waits[engine.PairKey{UserID: known.Referee.UserID, PurchaseID: p.PurchaseID}])
	if p.Remedy == "" && p.Pending {
		p.Remedy = "Nothing needs to be done: the credit is recorded as soon as the operator decides the user's latest changes."
	}
}

// describe sets the reason to show and the remedy, which depend on the mode of the purchase's
// campaign and on what a waiting purchase waits for. One that fits an open campaign is about to be
// admitted.
func (p *Purchase) describe(mode reward.Mode, waitsFor reward.Reason) {
	state, reason := reward.State(p.State), reward.Reason(p.Reason)
	reason = reward.ShownReason(mode, state, reason, waitsFor)
	if state == reward.Waiting && mode == reward.Open && reason == reward.Qualified {
		p.Pending, p.Unrecorded = true, UnrecordedState
	}
	p.Reason, p.Remedy = string(reason), reward.Remedy(mode, state, reason, orZero(p.MaturesAt))
}

// cut returns at most so many characters of text.
func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
