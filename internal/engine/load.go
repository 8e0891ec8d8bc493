package engine

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// load gathers what is known of the batch's referees: first what is keyed by
// the referee, then what that refers to.
func (b *batch) load(ctx context.Context) error {
	if err := b.loadOwn(ctx); err != nil {
		return err
	}
	if err := b.loadEarned(ctx); err != nil {
		return err
	}
	if err := b.restore(ctx); err != nil {
		return err
	}
	if err := b.loadLinks(ctx); err != nil {
		return err
	}
	for _, r := range b.referees {
		r.bindAgain(b.config.Reward)
		r.erases.loaded()
	}
	return b.loadFingerprints(ctx)
}

// loadOwn loads each referee's own facts and how they were decided before.
func (b *batch) loadOwn(ctx context.Context) error {
	ids := make([]string, len(b.referees))
	for i, r := range b.referees {
		ids[i] = r.UserID
	}
	var q pgx.Batch
	var id string // every row begins with its user_id
	queue := func(statement string, columns []any, add func(r *referee), more ...any) {
		arguments := append([]any{ids}, more...)
		q.Queue(b.statement(statement), arguments...).Query(b.each(append([]any{&id}, columns...), func() { add(b.byID[id]) }))
	}
	attributes := b.config.Conditions

	var hash int64 // of each fact
	var s reward.Signup
	var visitorID string
	queue("load_signup", []any{&visitorID, &s.Code, &s.SignedUpAt, &s.ArrivedAt, &s.Fingerprints, &s.Blanked, &s.Attributes, &hash}, func(r *referee) {
		signup := s
		r.Signup, r.visitorID = &signup, visitorID
		r.facts ^= hash
		r.erases.sawSignup(hash)
		s.Fingerprints = nil
		b.weigh(s.Attributes)
	}, attributes)

	var p reward.Purchase
	queue("load_purchase", []any{&p.ID, &p.Amount, &p.Currency, &p.PurchasedAt, &p.ArrivedAt, &p.Blanked, &p.ConditionHeld, &p.Attributes, &hash}, func(r *referee) {
		r.Purchases = append(r.Purchases, p)
		r.facts ^= hash
		r.erases.sawPurchase(p.ID, hash)
		b.weigh(p.Attributes)
	}, attributes)

	// A refund or override of an unknown purchase waits for it: its arrival is
	// a change of its own.
	var purchaseID string
	var refunded int64
	queue("load_refund", []any{&purchaseID, &refunded, &hash}, func(r *referee) {
		r.facts ^= hash
		if p := r.purchase(purchaseID); p != nil {
			p.Refunded = refunded
		}
	})
	var verdict reward.Verdict
	queue("load_override", []any{&purchaseID, &verdict, &hash}, func(r *referee) {
		r.facts ^= hash
		if p := r.purchase(purchaseID); p != nil {
			p.Override = verdict
		}
	})

	var a reward.Attribution
	var facts, via *int64
	var pairs *int32
	var sealed, old bool
	queue("load_attribution", []any{&a.Campaign, &a.Code, &a.ReferrerID, &a.Label, &a.TouchedAt, &a.Source, &a.VisitorID, &a.TouchID,
		&facts, &via, &pairs, &sealed, &old}, func(r *referee) {
		attribution := a
		r.Attribution = &attribution
		r.digest = readDigest(facts, via, pairs)
		r.seal(attributionRow, sealed, old)
	}, b.resyncs)

	var pair reward.Pair
	var postponed, waits, intact bool
	var credits int
	var w waitlistRow
	var least int64
	var starts, needs []int64
	queue("load_pair", []any{&pair.PurchaseID, &pair.Campaign, &pair.ReferrerID, &pair.Revision, &pair.Order, &pair.Ordinal,
		&pair.QualifiedAt, &pair.MaturesAt, &pair.CountedAt, &pair.Allowed, &pair.State, &pair.Reason, &postponed, &sealed, &old, &credits,
		&waits, &w.campaign, &w.referrerID, &w.order, &w.growing, &least, &starts, &needs, &w.edit, &w.passedOver, &intact}, func(r *referee) {
		r.Pairs = append(r.Pairs, pair)
		r.seal(pair.PurchaseID, sealed, old)
		r.expect(pair.PurchaseID, credits)
		if postponed {
			if r.postponed == nil {
				r.postponed = map[string]bool{}
			}
			r.postponed[pair.PurchaseID] = true
		}
		if waits {
			if r.waitlist == nil {
				r.waitlist = map[string]*waitlistRow{}
			}
			row := w
			row.need, row.altered = needOf(least, starts, needs), !intact && r.watched
			r.waitlist[pair.PurchaseID] = &row
		}
		starts, needs = nil, nil
	}, b.resyncs)
	if b.resyncs {
		queue("load_unpaired", []any{&purchaseID, &w.campaign, &w.referrerID}, func(r *referee) {
			if r.unpaired == nil {
				r.unpaired = map[string]*waitlistRow{}
			}
			r.unpaired[purchaseID] = &waitlistRow{campaign: w.campaign, referrerID: w.referrerID}
		})
	}
	return b.send(ctx, &q)
}

// loadEarned loads credits and ledger of those who have been attributed: nobody
// else can have any.
func (b *batch) loadEarned(ctx context.Context) error {
	var ids []string
	for _, r := range b.referees {
		if r.Attribution != nil || len(r.Pairs) > 0 || b.resyncs {
			ids = append(ids, r.UserID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var q pgx.Batch
	var id string
	var c recordedCredit
	var sealed, old bool
	credit := []any{&id, &c.purchaseID, &c.Reward, &c.campaign, &c.BeneficiaryID, &c.Currency, &c.Amount, &sealed, &old}
	q.Queue(b.statement("load_credit"), ids, b.resyncs).Query(b.each(credit, func() {
		r := b.byID[id]
		c.sealed, c.old = sealed, old
		r.credits = append(r.credits, c)
		if p := r.pair(c.purchaseID); p != nil {
			p.Credits = append(p.Credits, c.Credit)
		}
	}))
	var l reward.LedgerSum
	sum := []any{&id, &l.PurchaseID, &l.Reward, &l.Campaign, &l.BeneficiaryID, &l.Currency, &l.Sum, &l.LastSeq}
	q.Queue(b.statement("load_ledger"), ids).Query(b.each(sum, func() {
		b.byID[id].Ledger = append(b.byID[id].Ledger, l)
	}))
	return b.send(ctx, &q)
}

// loadLinks loads the links of typed codes, and then the touches of the referees
// whose signup may be attributed by one: no code was typed, or one that names no
// link.
func (b *batch) loadLinks(ctx context.Context) error {
	byCode := map[string][]*referee{}
	byVisitor := map[string][]*referee{}
	open := func(r *referee) bool {
		return r.Signup != nil && (r.boundTo != nil || !b.config.Reward.Bound(r.Pairs))
	}
	for _, r := range b.referees {
		if open(r) && r.Signup.Code != "" {
			byCode[r.Signup.Code] = append(byCode[r.Signup.Code], r)
		}
	}
	if err := b.loadCodes(ctx, byCode); err != nil {
		return err
	}
	for _, r := range b.referees {
		// An attribution that is lost may have been by a touch before the code had a link.
		if open(r) && (r.Code == nil || r.boundTo != nil) && r.visitorID != "" {
			byVisitor[r.visitorID] = append(byVisitor[r.visitorID], r)
		}
	}
	return b.loadTouches(ctx, byVisitor)
}

// loadCodes loads the links of codes.
func (b *batch) loadCodes(ctx context.Context, byCode map[string][]*referee) error {
	if len(byCode) == 0 {
		return nil
	}
	var q pgx.Batch
	var link linkRow
	var hash int64
	q.Queue(b.statement("load_link"), keys(byCode)).Query(b.each(append(link.columns(), &hash), func() {
		l := link.read()
		for _, r := range byCode[l.Code] {
			r.Code = l
			r.via ^= hash
		}
	}))
	return b.send(ctx, &q)
}

// loadTouches loads the touches of visitors.
func (b *batch) loadTouches(ctx context.Context, byVisitor map[string][]*referee) error {
	if len(byVisitor) == 0 {
		return nil
	}
	var q pgx.Batch
	var link linkRow
	var touch reward.Touch
	var hash int64
	columns := append([]any{&touch.VisitorID, &touch.TouchID, &touch.TouchedAt}, link.columns()...)
	q.Queue(b.statement("load_touch"), keys(byVisitor)).Query(b.each(append(columns, &hash), func() {
		touch.Link = link.read()
		for _, r := range byVisitor[touch.VisitorID] {
			r.Touches = append(r.Touches, touch)
			r.via ^= hash
		}
	}))
	return b.send(ctx, &q)
}

// linkRow is where the columns of a link are scanned.
type linkRow struct {
	reward.Link
	expiresAt, disabledAt *time.Time
}

func (l *linkRow) columns() []any {
	return []any{&l.Code, &l.Campaign, &l.ReferrerID, &l.Label, &l.expiresAt, &l.disabledAt}
}

func (l *linkRow) read() *reward.Link {
	link := l.Link
	link.ExpiresAt, link.DisabledAt = orZero(l.expiresAt), orZero(l.disabledAt)
	return &link
}

// loadFingerprints loads those of every possible referrer of a referee that has
// some too, and what an erasure recorded in their place.
func (b *batch) loadFingerprints(ctx context.Context) error {
	wanted := map[string][]*referee{}
	var users, others []string
	for _, r := range b.referees {
		if r.Signup == nil {
			continue
		}
		for _, id := range r.referrers() {
			users, others = append(users, r.UserID), append(others, id)
			if len(r.Signup.Fingerprints) > 0 {
				wanted[id] = append(wanted[id], r)
			}
		}
	}
	if len(users) == 0 {
		return nil
	}
	var q pgx.Batch
	var id, other string
	q.Queue(b.statement("load_shared"), users, others).Query(b.each([]any{&id, &other}, func() {
		b.byID[id].Signup.SharedWith = append(b.byID[id].Signup.SharedWith, other)
	}))
	if len(wanted) > 0 {
		var fingerprints []string
		q.Queue(b.statement("load_fingerprint"), keys(wanted)).Query(b.each([]any{&id, &fingerprints}, func() {
			for _, r := range wanted[id] {
				if r.ReferrerFingerprints == nil {
					r.ReferrerFingerprints = map[string][]string{}
				}
				r.ReferrerFingerprints[id] = fingerprints
			}
			fingerprints = nil
		}))
	}
	return b.send(ctx, &q)
}

// each scans every row into columns and calls add, up to as many facts as one
// batch may hold. A referee who is alone in the batch is held whatever it takes.
func (b *batch) each(columns []any, add func()) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, columns, func() error {
			if b.facts++; b.facts > factsPerBatch && len(b.referees) > 1 {
				return errBatchTooLarge
			}
			add()
			return nil
		})
		return err
	}
}

// weigh counts attributes as the facts that would fill as much memory.
func (b *batch) weigh(attributes []byte) {
	const bytesPerFact = 256
	b.facts += len(attributes) / bytesPerFact
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func keys(m map[string][]*referee) []string {
	all := make([]string, 0, len(m))
	for key := range m {
		all = append(all, key)
	}
	return all
}
