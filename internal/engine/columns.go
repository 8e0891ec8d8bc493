package engine

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// Rows travel to Postgres as columns, one array each, so that a statement
// writes all of them at once. Their order is that of the statement's parameters.

type attributionColumns struct {
	userID, campaign, code, referrerID, label []string
	touchedAt                                 []time.Time
	source, visitorID, touchID                []string
	facts                                     []int64
	via                                       []*int64
	pairs                                     []int32
}

func newAttributionColumns(rows int) attributionColumns {
	return attributionColumns{
		userID:     make([]string, 0, rows),
		campaign:   make([]string, 0, rows),
		code:       make([]string, 0, rows),
		referrerID: make([]string, 0, rows),
		label:      make([]string, 0, rows),
		touchedAt:  make([]time.Time, 0, rows),
		source:     make([]string, 0, rows),
		visitorID:  make([]string, 0, rows),
		touchID:    make([]string, 0, rows),
		facts:      make([]int64, 0, rows),
		via:        make([]*int64, 0, rows),
		pairs:      make([]int32, 0, rows),
	}
}

func (c *attributionColumns) add(userID string, a *reward.Attribution, rests *digest) {
	c.userID = append(c.userID, userID)
	c.campaign = append(c.campaign, a.Campaign)
	c.code = append(c.code, a.Code)
	c.referrerID = append(c.referrerID, a.ReferrerID)
	c.label = append(c.label, a.Label)
	c.touchedAt = append(c.touchedAt, a.TouchedAt)
	c.source = append(c.source, string(a.Source))
	c.visitorID = append(c.visitorID, a.VisitorID)
	c.touchID = append(c.touchID, a.TouchID)
	c.facts = append(c.facts, rests.facts)
	c.via = append(c.via, rests.via)
	c.pairs = append(c.pairs, rests.pairs)
}

type pairColumns struct {
	userID, purchaseID, campaign, referrerID []string
	revision                                 []int32
	order                                    []*int64
	ordinal                                  []int64
	qualifiedAt, maturesAt                   []time.Time
	state, reason                            []string
	allowed                                  []bool
	credits                                  []int32
}

func newPairColumns(rows int) pairColumns {
	return pairColumns{
		userID:      make([]string, 0, rows),
		purchaseID:  make([]string, 0, rows),
		campaign:    make([]string, 0, rows),
		referrerID:  make([]string, 0, rows),
		revision:    make([]int32, 0, rows),
		order:       make([]*int64, 0, rows),
		ordinal:     make([]int64, 0, rows),
		qualifiedAt: make([]time.Time, 0, rows),
		maturesAt:   make([]time.Time, 0, rows),
		state:       make([]string, 0, rows),
		reason:      make([]string, 0, rows),
		allowed:     make([]bool, 0, rows),
		credits:     make([]int32, 0, rows),
	}
}

func (c *pairColumns) add(p *pairRow) {
	c.userID = append(c.userID, p.userID)
	c.purchaseID = append(c.purchaseID, p.PurchaseID)
	c.campaign = append(c.campaign, p.Campaign)
	c.referrerID = append(c.referrerID, p.ReferrerID)
	c.revision = append(c.revision, int32(p.Revision))
	c.order = append(c.order, p.order)
	c.ordinal = append(c.ordinal, p.Ordinal)
	c.qualifiedAt = append(c.qualifiedAt, p.QualifiedAt)
	c.maturesAt = append(c.maturesAt, p.MaturesAt)
	c.state = append(c.state, string(p.State))
	c.reason = append(c.reason, string(p.Reason))
	c.allowed = append(c.allowed, p.Allowed)
	c.credits = append(c.credits, int32(len(p.Credits)))
}

type creditColumns struct {
	userID, purchaseID, reward, campaign, beneficiaryID, currency []string
	amount                                                        []int64
}

func newCreditColumns(rows int) creditColumns {
	return creditColumns{
		userID:        make([]string, 0, rows),
		purchaseID:    make([]string, 0, rows),
		reward:        make([]string, 0, rows),
		campaign:      make([]string, 0, rows),
		beneficiaryID: make([]string, 0, rows),
		currency:      make([]string, 0, rows),
		amount:        make([]int64, 0, rows),
	}
}

func (c *creditColumns) add(userID string, decision *reward.Decision, credit *reward.Credit) {
	c.userID = append(c.userID, userID)
	c.purchaseID = append(c.purchaseID, decision.PurchaseID)
	c.reward = append(c.reward, credit.Reward)
	c.campaign = append(c.campaign, decision.Campaign)
	c.beneficiaryID = append(c.beneficiaryID, credit.BeneficiaryID)
	c.currency = append(c.currency, credit.Currency)
	c.amount = append(c.amount, credit.Amount)
}

type creditRemovalColumns struct{ userID, purchaseID, reward []string }

func (c *creditRemovalColumns) add(userID, purchaseID, reward string) {
	c.userID = append(c.userID, userID)
	c.purchaseID = append(c.purchaseID, purchaseID)
	c.reward = append(c.reward, reward)
}

type entryColumns struct {
	userID, purchaseID, reward []string
	seq                        []int32
	campaign                   []string
	revision                   []int32
	beneficiaryID              []string
	amount                     []int64
	currency, kind, reason     []string
}

func newEntryColumns(rows int) entryColumns {
	return entryColumns{
		userID:        make([]string, 0, rows),
		purchaseID:    make([]string, 0, rows),
		reward:        make([]string, 0, rows),
		seq:           make([]int32, 0, rows),
		campaign:      make([]string, 0, rows),
		revision:      make([]int32, 0, rows),
		beneficiaryID: make([]string, 0, rows),
		amount:        make([]int64, 0, rows),
		currency:      make([]string, 0, rows),
		kind:          make([]string, 0, rows),
		reason:        make([]string, 0, rows),
	}
}

func (c *entryColumns) add(userID string, e *reward.Entry) {
	c.userID = append(c.userID, userID)
	c.purchaseID = append(c.purchaseID, e.PurchaseID)
	c.reward = append(c.reward, e.Reward)
	c.seq = append(c.seq, int32(e.Seq))
	c.campaign = append(c.campaign, e.Campaign)
	c.revision = append(c.revision, int32(e.Revision))
	c.beneficiaryID = append(c.beneficiaryID, e.BeneficiaryID)
	c.amount = append(c.amount, e.Amount)
	c.currency = append(c.currency, e.Currency)
	c.kind = append(c.kind, string(e.Kind))
	c.reason = append(c.reason, string(e.Reason))
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

// accountColumns have one row per account, but for sums beyond 64 bits: their rest is in another
// accountColumns, which a statement of its own writes after this one.
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
	rows                    map[creditCountKey]int
	campaign, currency      []string
	granted, held, reversed []int64
}

type creditCountKey struct{ campaign, currency string }

// add adds to the row of its key, or to a new one when sums would overflow.
func (c *creditCountColumns) add(campaign, currency string, granted, held int64) {
	reversed := -min(granted, 0)
	key := creditCountKey{campaign, currency}
	row, ok := c.rows[key]
	if !ok || overflows(c.granted[row], granted) || overflows(c.held[row], held) || overflows(c.reversed[row], reversed) {
		if c.rows == nil {
			c.rows = map[creditCountKey]int{}
		}
		row = len(c.campaign)
		c.rows[key] = row
		c.campaign = append(c.campaign, campaign)
		c.currency = append(c.currency, currency)
		c.granted = append(c.granted, 0)
		c.held = append(c.held, 0)
		c.reversed = append(c.reversed, 0)
	}
	c.granted[row] += granted
	c.held[row] += held
	c.reversed[row] += reversed
}

func overflows(a, b int64) bool { return a > 0 && b > math.MaxInt64-a || a < 0 && b < math.MinInt64-a }

// waitingColumns are rows of the waitlist. Arrays of arrays do not travel, so tiers do as text.
type waitingColumns struct {
	userID, purchaseID, campaign, referrerID []string
	order                                    []int64
	growing                                  []bool
	leastNeed                                []int64
	tierStarts, tierNeeds                    []*string
	edit                                     []int64
}

func (c *waitingColumns) add(w *waitlistWrite) {
	c.userID = append(c.userID, w.userID)
	c.purchaseID = append(c.purchaseID, w.purchaseID)
	c.campaign = append(c.campaign, w.campaign)
	c.referrerID = append(c.referrerID, w.referrerID)
	c.order = append(c.order, w.order)
	c.growing = append(c.growing, w.growing)
	c.leastNeed = append(c.leastNeed, w.need.Least)
	var starts, needs *string
	if len(w.need.Tiers) > 0 {
		starts = arrayText(w.need.Tiers, func(t reward.TierNeed) int64 { return t.FromPair })
		needs = arrayText(w.need.Tiers, func(t reward.TierNeed) int64 { return t.Amount })
	}
	c.tierStarts, c.tierNeeds = append(c.tierStarts, starts), append(c.tierNeeds, needs)
	c.edit = append(c.edit, w.edit)
}

// arrayText writes numbers as Postgres reads an array.
func arrayText(tiers []reward.TierNeed, of func(reward.TierNeed) int64) *string {
	numbers := make([]string, len(tiers))
	for i := range tiers {
		numbers[i] = strconv.FormatInt(of(tiers[i]), 10)
	}
	text := "{" + strings.Join(numbers, ",") + "}"
	return &text
}

// pairKeyColumns name pairs.
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
	campaign                                                                     []string
	awaitingPurchase, waiting, held, granted, reversed, revised, conditionErrors []int64
}

func countColumns(counts map[string]*pairCount) pairCountColumns {
	var c pairCountColumns
	for campaign, by := range counts {
		c.campaign = append(c.campaign, campaign)
		c.awaitingPurchase = append(c.awaitingPurchase, by.awaitingPurchase)
		c.waiting = append(c.waiting, by.waiting)
		c.held = append(c.held, by.held)
		c.granted = append(c.granted, by.granted)
		c.reversed = append(c.reversed, by.reversed)
		c.revised = append(c.revised, by.revised)
		c.conditionErrors = append(c.conditionErrors, by.conditionErrors)
	}
	return c
}
