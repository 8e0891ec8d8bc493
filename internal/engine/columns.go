package engine

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// Rows travel to Postgres as columns, one array each, so that one statement writes all of them. The
// tags are the names of the statement's parameters (pgx.StrictStructArgs).

type attributionColumns struct {
	UserIDs     []string    `db:"user_ids"`
	Campaigns   []string    `db:"campaigns"`
	Codes       []string    `db:"codes"`
	ReferrerIDs []string    `db:"referrer_ids"`
	Labels      []string    `db:"labels"`
	TouchedAt   []time.Time `db:"touched_at"`
	Sources     []string    `db:"sources"`
	VisitorIDs  []string    `db:"visitor_ids"`
	TouchIDs    []string    `db:"touch_ids"`
	Facts       []*int64    `db:"facts"` // nil: not known
	Via         []*int64    `db:"via"`
	Pairs       []int32     `db:"pairs"`
}

func newAttributionColumns(rows int) attributionColumns {
	return attributionColumns{
		UserIDs:     make([]string, 0, rows),
		Campaigns:   make([]string, 0, rows),
		Codes:       make([]string, 0, rows),
		ReferrerIDs: make([]string, 0, rows),
		Labels:      make([]string, 0, rows),
		TouchedAt:   make([]time.Time, 0, rows),
		Sources:     make([]string, 0, rows),
		VisitorIDs:  make([]string, 0, rows),
		TouchIDs:    make([]string, 0, rows),
		Facts:       make([]*int64, 0, rows),
		Via:         make([]*int64, 0, rows),
		Pairs:       make([]int32, 0, rows),
	}
}

func (c *attributionColumns) add(userID string, a *reward.Attribution, current *basis) {
	c.UserIDs = append(c.UserIDs, userID)
	c.Campaigns = append(c.Campaigns, a.Campaign)
	c.Codes = append(c.Codes, a.Code)
	c.ReferrerIDs = append(c.ReferrerIDs, a.ReferrerID)
	c.Labels = append(c.Labels, a.Label)
	c.TouchedAt = append(c.TouchedAt, a.TouchedAt)
	c.Sources = append(c.Sources, string(a.Source))
	c.VisitorIDs = append(c.VisitorIDs, a.VisitorID)
	c.TouchIDs = append(c.TouchIDs, a.TouchID)
	c.Facts = append(c.Facts, current.knownFacts())
	c.Via = append(c.Via, current.via)
	c.Pairs = append(c.Pairs, current.pairs)
}

type pairColumns struct {
	UserIDs         []string    `db:"user_ids"`
	PurchaseIDs     []string    `db:"purchase_ids"`
	Campaigns       []string    `db:"campaigns"`
	ReferrerIDs     []string    `db:"referrer_ids"`
	Revisions       []int32     `db:"revisions"`
	AdmissionOrders []*int64    `db:"admission_orders"`
	Ordinals        []int64     `db:"ordinals"`
	QualifiedAt     []time.Time `db:"qualified_at"`
	MaturesAt       []time.Time `db:"matures_at"`
	States          []string    `db:"states"`
	Reasons         []string    `db:"reasons"`
	Allowed         []bool      `db:"allowed"`
	Credits         []int32     `db:"credits"`
}

func newPairColumns(rows int) pairColumns {
	return pairColumns{
		UserIDs:         make([]string, 0, rows),
		PurchaseIDs:     make([]string, 0, rows),
		Campaigns:       make([]string, 0, rows),
		ReferrerIDs:     make([]string, 0, rows),
		Revisions:       make([]int32, 0, rows),
		AdmissionOrders: make([]*int64, 0, rows),
		Ordinals:        make([]int64, 0, rows),
		QualifiedAt:     make([]time.Time, 0, rows),
		MaturesAt:       make([]time.Time, 0, rows),
		States:          make([]string, 0, rows),
		Reasons:         make([]string, 0, rows),
		Allowed:         make([]bool, 0, rows),
		Credits:         make([]int32, 0, rows),
	}
}

func (c *pairColumns) add(p *pairRow) {
	c.UserIDs = append(c.UserIDs, p.userID)
	c.PurchaseIDs = append(c.PurchaseIDs, p.PurchaseID)
	c.Campaigns = append(c.Campaigns, p.Campaign)
	c.ReferrerIDs = append(c.ReferrerIDs, p.ReferrerID)
	c.Revisions = append(c.Revisions, int32(p.Revision))
	c.AdmissionOrders = append(c.AdmissionOrders, p.order)
	c.Ordinals = append(c.Ordinals, p.Ordinal)
	c.QualifiedAt = append(c.QualifiedAt, p.QualifiedAt)
	c.MaturesAt = append(c.MaturesAt, p.MaturesAt)
	c.States = append(c.States, string(p.State))
	c.Reasons = append(c.Reasons, string(p.Reason))
	c.Allowed = append(c.Allowed, p.Allowed)
	c.Credits = append(c.Credits, int32(len(p.Credits)))
}

type creditColumns struct {
	UserIDs        []string `db:"user_ids"`
	PurchaseIDs    []string `db:"purchase_ids"`
	Rewards        []string `db:"rewards"`
	Campaigns      []string `db:"campaigns"`
	BeneficiaryIDs []string `db:"beneficiary_ids"`
	Currencies     []string `db:"currencies"`
	Amounts        []int64  `db:"amounts"`
}

func newCreditColumns(rows int) creditColumns {
	return creditColumns{
		UserIDs:        make([]string, 0, rows),
		PurchaseIDs:    make([]string, 0, rows),
		Rewards:        make([]string, 0, rows),
		Campaigns:      make([]string, 0, rows),
		BeneficiaryIDs: make([]string, 0, rows),
		Currencies:     make([]string, 0, rows),
		Amounts:        make([]int64, 0, rows),
	}
}

func (c *creditColumns) add(userID string, decision *reward.Decision, credit *reward.Credit) {
	c.UserIDs = append(c.UserIDs, userID)
	c.PurchaseIDs = append(c.PurchaseIDs, decision.PurchaseID)
	c.Rewards = append(c.Rewards, credit.Reward)
	c.Campaigns = append(c.Campaigns, decision.Campaign)
	c.BeneficiaryIDs = append(c.BeneficiaryIDs, credit.BeneficiaryID)
	c.Currencies = append(c.Currencies, credit.Currency)
	c.Amounts = append(c.Amounts, credit.Amount)
}

// creditRemovalColumns are the keys of credits to delete.
type creditRemovalColumns struct{ userID, purchaseID, reward []string }

func (c *creditRemovalColumns) add(userID, purchaseID, reward string) {
	c.userID = append(c.userID, userID)
	c.purchaseID = append(c.purchaseID, purchaseID)
	c.reward = append(c.reward, reward)
}

type ledgerColumns struct {
	UserIDs        []string `db:"user_ids"`
	PurchaseIDs    []string `db:"purchase_ids"`
	Rewards        []string `db:"rewards"`
	Seqs           []int32  `db:"seqs"`
	Campaigns      []string `db:"campaigns"`
	Revisions      []int32  `db:"revisions"`
	BeneficiaryIDs []string `db:"beneficiary_ids"`
	Amounts        []int64  `db:"amounts"`
	Currencies     []string `db:"currencies"`
	Kinds          []string `db:"kinds"`
	Reasons        []string `db:"reasons"`
}

func newEntryColumns(rows int) ledgerColumns {
	return ledgerColumns{
		UserIDs:        make([]string, 0, rows),
		PurchaseIDs:    make([]string, 0, rows),
		Rewards:        make([]string, 0, rows),
		Seqs:           make([]int32, 0, rows),
		Campaigns:      make([]string, 0, rows),
		Revisions:      make([]int32, 0, rows),
		BeneficiaryIDs: make([]string, 0, rows),
		Amounts:        make([]int64, 0, rows),
		Currencies:     make([]string, 0, rows),
		Kinds:          make([]string, 0, rows),
		Reasons:        make([]string, 0, rows),
	}
}

func (c *ledgerColumns) add(userID string, e *reward.Entry) {
	c.UserIDs = append(c.UserIDs, userID)
	c.PurchaseIDs = append(c.PurchaseIDs, e.PurchaseID)
	c.Rewards = append(c.Rewards, e.Reward)
	c.Seqs = append(c.Seqs, int32(e.Seq))
	c.Campaigns = append(c.Campaigns, e.Campaign)
	c.Revisions = append(c.Revisions, int32(e.Revision))
	c.BeneficiaryIDs = append(c.BeneficiaryIDs, e.BeneficiaryID)
	c.Amounts = append(c.Amounts, e.Amount)
	c.Currencies = append(c.Currencies, e.Currency)
	c.Kinds = append(c.Kinds, string(e.Kind))
	c.Reasons = append(c.Reasons, string(e.Reason))
}

// referrerColumns have one row per referrer.
type referrerColumns struct {
	rows                 map[referrerKey]int
	campaign, referrerID []string
	pairs                []int64
}

func newReferrerColumns(rows int) referrerColumns {
	return referrerColumns{
		rows:       make(map[referrerKey]int, rows),
		campaign:   make([]string, 0, rows),
		referrerID: make([]string, 0, rows),
		pairs:      make([]int64, 0, rows),
	}
}

// add adds pairs to the row of the referrer.
func (c *referrerColumns) add(campaign, referrerID string, pairs int64) {
	key := referrerKey{campaign, referrerID}
	row, ok := c.rows[key]
	if !ok {
		if c.rows == nil {
			c.rows = map[referrerKey]int{}
		}
		row = len(c.campaign)
		c.rows[key] = row
		c.campaign = append(c.campaign, campaign)
		c.referrerID = append(c.referrerID, referrerID)
		c.pairs = append(c.pairs, 0)
	}
	c.pairs[row] += pairs
}

// accountColumns have one row per account. What would overflow 64 bits is in rest, which a
// statement of its own writes afterwards.
type accountColumns struct {
	rows                    map[accountKey]int
	beneficiaryID, currency []string
	earned, held            []int64
	rest                    *accountColumns
}

type accountKey struct{ beneficiaryID, currency string }

func newAccountColumns(rows int) accountColumns {
	return accountColumns{
		rows:          make(map[accountKey]int, rows),
		beneficiaryID: make([]string, 0, rows),
		currency:      make([]string, 0, rows),
		earned:        make([]int64, 0, rows),
		held:          make([]int64, 0, rows),
	}
}

// add adds amounts to the row of the account.
func (c *accountColumns) add(beneficiaryID, currency string, earned, held int64) {
	key := accountKey{beneficiaryID, currency}
	row, ok := c.rows[key]
	switch {
	case !ok:
		row = len(c.beneficiaryID)
		c.rows[key] = row
		c.beneficiaryID = append(c.beneficiaryID, beneficiaryID)
		c.currency = append(c.currency, currency)
		c.earned = append(c.earned, earned)
		c.held = append(c.held, held)
	case overflows(c.earned[row], earned) || overflows(c.held[row], held):
		if c.rest == nil {
			rest := newAccountColumns(1)
			c.rest = &rest
		}
		c.rest.add(beneficiaryID, currency, earned, held)
	default:
		c.earned[row] += earned
		c.held[row] += held
	}
}

type creditCountColumns struct {
	Shard      int16 `db:"shard"` // one that the batch has locked
	rows       map[creditCountKey]int
	Campaigns  []string `db:"campaigns"`
	Currencies []string `db:"currencies"`
	Granted    []int64  `db:"granted"`
	Held       []int64  `db:"held"`
	Reversed   []int64  `db:"reversed"`
}

type creditCountKey struct{ campaign, currency string }

// add adds amounts to the row of its key, or to a new row where the sum would overflow.
func (c *creditCountColumns) add(campaign, currency string, granted, held, reversed int64) {
	key := creditCountKey{campaign, currency}
	row, ok := c.rows[key]
	if !ok || overflows(c.Granted[row], granted) || overflows(c.Held[row], held) || overflows(c.Reversed[row], reversed) {
		if c.rows == nil {
			c.rows = map[creditCountKey]int{}
		}
		row = len(c.Campaigns)
		c.rows[key] = row
		c.Campaigns = append(c.Campaigns, campaign)
		c.Currencies = append(c.Currencies, currency)
		c.Granted = append(c.Granted, 0)
		c.Held = append(c.Held, 0)
		c.Reversed = append(c.Reversed, 0)
	}
	c.Granted[row] += granted
	c.Held[row] += held
	c.Reversed[row] += reversed
}

func overflows(a, b int64) bool { return a > 0 && b > math.MaxInt64-a || a < 0 && b < math.MinInt64-a }

// waitlistColumns are rows of the waitlist. Postgres takes no arrays of unequal arrays, so tiers
// are written as text.
type waitlistColumns struct {
	UserIDs         []string  `db:"user_ids"`
	PurchaseIDs     []string  `db:"purchase_ids"`
	Campaigns       []string  `db:"campaigns"`
	ReferrerIDs     []string  `db:"referrer_ids"`
	AdmissionOrders []int64   `db:"admission_orders"`
	Growing         []bool    `db:"growing"`
	LeastNeeds      []int64   `db:"least_needs"`
	TierStarts      []*string `db:"tier_starts"`
	TierNeeds       []*string `db:"tier_needs"`
	Edits           []int64   `db:"edits"`
}

func (c *waitlistColumns) add(w *waitlistWrite) {
	c.UserIDs = append(c.UserIDs, w.userID)
	c.PurchaseIDs = append(c.PurchaseIDs, w.purchaseID)
	c.Campaigns = append(c.Campaigns, w.campaign)
	c.ReferrerIDs = append(c.ReferrerIDs, w.referrerID)
	c.AdmissionOrders = append(c.AdmissionOrders, w.order)
	c.Growing = append(c.Growing, w.growing)
	c.LeastNeeds = append(c.LeastNeeds, w.need.Least)
	var starts, needs *string
	if len(w.need.Tiers) > 0 {
		starts = arrayText(w.need.Tiers, func(t reward.TierNeed) int64 { return t.FromPair })
		needs = arrayText(w.need.Tiers, func(t reward.TierNeed) int64 { return t.Amount })
	}
	c.TierStarts, c.TierNeeds = append(c.TierStarts, starts), append(c.TierNeeds, needs)
	c.Edits = append(c.Edits, w.edit)
}

// arrayText returns numbers as the text of a Postgres array.
func arrayText(tiers []reward.TierNeed, of func(reward.TierNeed) int64) *string {
	numbers := make([]string, len(tiers))
	for i := range tiers {
		numbers[i] = strconv.FormatInt(of(tiers[i]), 10)
	}
	text := "{" + strings.Join(numbers, ",") + "}"
	return &text
}

// pairKeyColumns are the keys of pairs.
type pairKeyColumns struct{ userID, purchaseID []string }

func (c *pairKeyColumns) add(userID, purchaseID string) {
	c.userID = append(c.userID, userID)
	c.purchaseID = append(c.purchaseID, purchaseID)
}

type deferredColumns struct{ campaign, userID []string }

func (c *deferredColumns) add(campaign, userID string) {
	c.campaign = append(c.campaign, campaign)
	c.userID = append(c.userID, userID)
}

type setAsideColumns struct{ userID, cause []string }

func (c *setAsideColumns) add(userID string, cause error) {
	c.userID = append(c.userID, userID)
	c.cause = append(c.cause, cause.Error())
}

type pairCountColumns struct {
	Shard            int16    `db:"shard"` // one that the batch has locked
	Campaigns        []string `db:"campaigns"`
	AwaitingPurchase []int64  `db:"awaiting_purchase"`
	Waiting          []int64  `db:"waiting"`
	Held             []int64  `db:"held"`
	Granted          []int64  `db:"granted"`
	Reversed         []int64  `db:"reversed"`
	Revised          []int64  `db:"revised"`
	ConditionErrors  []int64  `db:"condition_errors"`
}

func countColumns(counts map[string]*pairCount) pairCountColumns {
	var c pairCountColumns
	for campaign, by := range counts {
		c.Campaigns = append(c.Campaigns, campaign)
		c.AwaitingPurchase = append(c.AwaitingPurchase, by.awaitingPurchase)
		c.Waiting = append(c.Waiting, by.waiting)
		c.Held = append(c.Held, by.held)
		c.Granted = append(c.Granted, by.granted)
		c.Reversed = append(c.Reversed, by.reversed)
		c.Revised = append(c.Revised, by.revised)
		c.ConditionErrors = append(c.ConditionErrors, by.conditionErrors)
	}
	return c
}
