package engine

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// Rows travel to Postgres as columns, one array each, so that a statement
// writes all of them at once. Their order is that of the statement's parameters.

type attributionColumns struct {
	userID, campaign, code, referrerID []string
	touchedAt                          []time.Time
	source, visitorID, touchID         []string
}

func (c *attributionColumns) add(userID string, a *reward.Attribution) {
	c.userID = append(c.userID, userID)
	c.campaign = append(c.campaign, a.Campaign)
	c.code = append(c.code, a.Code)
	c.referrerID = append(c.referrerID, a.ReferrerID)
	c.touchedAt = append(c.touchedAt, a.TouchedAt)
	c.source = append(c.source, string(a.Source))
	c.visitorID = append(c.visitorID, a.VisitorID)
	c.touchID = append(c.touchID, a.TouchID)
}

type pairColumns struct {
	userID, purchaseID, campaign, referrerID []string
	revision                                 []int32
	ordinal                                  []*int64
	qualifiedAt, maturesAt                   []time.Time
	state, reason                            []string
	dueAt                                    []*time.Time
	admitted                                 []bool
}

func (c *pairColumns) add(p *pairRow) {
	c.userID = append(c.userID, p.userID)
	c.purchaseID = append(c.purchaseID, p.PurchaseID)
	c.campaign = append(c.campaign, p.Campaign)
	c.referrerID = append(c.referrerID, p.ReferrerID)
	c.revision = append(c.revision, int32(p.Revision))
	c.ordinal = append(c.ordinal, p.ordinal)
	c.qualifiedAt = append(c.qualifiedAt, p.QualifiedAt)
	c.maturesAt = append(c.maturesAt, p.MaturesAt)
	c.state = append(c.state, string(p.State))
	c.reason = append(c.reason, string(p.Reason))
	c.dueAt = append(c.dueAt, p.dueAt)
	c.admitted = append(c.admitted, p.admitted)
}

type creditColumns struct {
	userID, purchaseID, reward, campaign, beneficiaryID, currency []string
	amount                                                        []int64
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

type goneCreditColumns struct{ userID, purchaseID, reward []string }

func (c *goneCreditColumns) add(userID, purchaseID, reward string) {
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

type referrerColumns struct {
	campaign, referrerID []string
	pairs                []int64
}

func (c *referrerColumns) add(campaign, referrerID string, pairs int64) {
	c.campaign = append(c.campaign, campaign)
	c.referrerID = append(c.referrerID, referrerID)
	c.pairs = append(c.pairs, pairs)
}

type accountColumns struct {
	beneficiaryID, currency []string
	available, held         []int64
}

func (c *accountColumns) add(beneficiaryID, currency string, available, held int64) {
	c.beneficiaryID = append(c.beneficiaryID, beneficiaryID)
	c.currency = append(c.currency, currency)
	c.available = append(c.available, available)
	c.held = append(c.held, held)
}

type creditCountColumns struct {
	campaign, currency []string
	granted, held      []int64
}

func (c *creditCountColumns) add(campaign, currency string, granted, held int64) {
	c.campaign = append(c.campaign, campaign)
	c.currency = append(c.currency, currency)
	c.granted = append(c.granted, granted)
	c.held = append(c.held, held)
}

type parkedColumns struct{ campaign, userID []string }

func (c *parkedColumns) add(campaign, userID string) {
	c.campaign = append(c.campaign, campaign)
	c.userID = append(c.userID, userID)
}

type setAsideColumns struct{ userID, cause []string }

func (c *setAsideColumns) add(userID string, cause error) {
	c.userID = append(c.userID, userID)
	c.cause = append(c.cause, cause.Error())
}

// queue queues a statement for each kind of row that there is; accounts last,
// because those are what other batches may be waiting for.
func (d *differences) queue(writes *pgx.Batch, statement func(string) string, shard int16) {
	write := func(name string, rows int, arguments ...any) {
		if rows > 0 {
			writes.Queue(statement(name), arguments...)
		}
	}
	a := &d.attributions
	write("record_attribution", len(a.userID), a.userID, a.campaign, a.code, a.referrerID, a.touchedAt, a.source, a.visitorID, a.touchID)
	write("remove_attribution", len(d.unattributed), d.unattributed)

	var fresh, revised pairColumns
	for i := range d.pairs {
		if p := &d.pairs[i]; p.fresh {
			fresh.add(p)
		} else {
			revised.add(p)
		}
	}
	p := &fresh
	write("record_pair", len(p.userID), p.userID, p.purchaseID, p.campaign, p.referrerID, p.revision, p.ordinal,
		p.qualifiedAt, p.maturesAt, p.state, p.reason, p.dueAt)
	p = &revised
	write("revise_pair", len(p.userID), p.userID, p.purchaseID, p.campaign, p.referrerID, p.revision, p.ordinal,
		p.qualifiedAt, p.maturesAt, p.state, p.reason, p.dueAt, p.admitted)

	c := &d.credits
	write("remove_credit", len(d.gone.userID), d.gone.userID, d.gone.purchaseID, d.gone.reward)
	write("record_credit", len(c.userID), c.userID, c.purchaseID, c.reward, c.campaign, c.beneficiaryID, c.currency, c.amount)
	e := &d.entries
	write("record_ledger", len(e.userID), e.userID, e.purchaseID, e.reward, e.seq, e.campaign, e.revision,
		e.beneficiaryID, e.amount, e.currency, e.kind, e.reason)
	write("park", len(d.parked.userID), d.parked.campaign, d.parked.userID)
	write("rest", len(d.resting), d.resting)
	write("set_aside", len(d.setAside.userID), d.setAside.userID, d.setAside.cause)
	write("readmit", len(d.decided), d.decided)

	counts := countColumns(d.pairCounts)
	write("record_pair_count", len(counts.campaign), shard, counts.campaign, counts.awaitingPurchase,
		counts.waiting, counts.held, counts.granted, counts.reversed)
	s := &d.creditCounts
	write("record_credit_count", len(s.campaign), shard, s.campaign, s.currency, s.granted, s.held)
	b := &d.accounts
	write("record_account", len(b.beneficiaryID), b.beneficiaryID, b.currency, b.available, b.held)
}

type pairCountColumns struct {
	campaign                                           []string
	awaitingPurchase, waiting, held, granted, reversed []int64
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
	}
	return c
}
