package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// load reads what is known of the batch's referees: first the rows keyed by the referee, then the
// rows that these refer to.
func (b *batch) load(ctx context.Context) error {
	if err := b.loadOwn(ctx); err != nil {
		return err
	}
	if err := b.restore(ctx); err != nil {
		return err
	}
	if err := b.loadLinks(ctx); err != nil {
		return err
	}
	for _, r := range b.referees {
		r.restoreAttribution(b.config.Reward)
		if r.unfit == nil {
			r.erases.markLoaded()
		}
	}
	if err := b.loadFingerprints(ctx); err != nil {
		return err
	}
	return b.checkBytes()
}

// ownLoads queue the statements that read rows keyed by the referee.
type ownLoads struct {
	batch *batch
	ids   []string
	id    string // user_id, the first column of every row

	pgx.Batch
}

// queue queues a statement; each of its rows is scanned into columns and added to its referee.
func (o *ownLoads) queue(statement string, columns []any, add func(r *referee), more ...any) {
	b := o.batch
	o.Queue(b.statement(statement), append([]any{o.ids}, more...)...).Query(
		b.eachOf(append([]any{&o.id}, columns...), func() { add(b.byID[o.id]) }, b.unfitReferee))
}

// loadOwn reads each referee's facts and recorded results.
func (b *batch) loadOwn(ctx context.Context) error {
	o := &ownLoads{batch: b, ids: b.userIDs()}
	o.queueFacts()
	o.queueResults()
	o.queueEarned()
	if err := b.send(ctx, &o.Batch); err != nil {
		return err
	}
	for _, r := range b.referees {
		r.sortCredits()
	}
	return nil
}

// queueSignup queues reading the signups, with their attributes if a condition may need them.
func (o *ownLoads) queueSignup(attributes bool) {
	var hash int64
	var s reward.Signup
	var visitorID string
	var long bool
	o.queue("load_signup", []any{&visitorID, &s.Code, &s.SignedUpAt, &s.ArrivedAt, &s.Fingerprints, &long, &s.Blanked, &s.Attributes, &hash}, func(r *referee) {
		signup := s
		r.Signup, r.visitorID, r.longFingerprints = &signup, visitorID, long
		r.facts ^= hash
		s.Fingerprints = nil
		r.erases.sawSignup(hash)
	}, attributes)
}

func (o *ownLoads) queueFacts() {
	b := o.batch
	attributes := b.config.Conditions
	o.queueSignup(attributes)

	var hash int64 // of each fact
	var p reward.Purchase
	o.queue("load_purchase", []any{&p.ID, &p.Amount, &p.Currency, &p.PurchasedAt, &p.ArrivedAt, &p.Blanked, &p.ConditionHeld, &p.Attributes, &hash}, func(r *referee) {
		r.Purchases = append(r.Purchases, p)
		r.facts ^= hash
		r.erases.sawPurchase(p.ID, hash)
	}, attributes)

	// A refund or override of an unknown purchase has no effect until the purchase arrives, which
	// is a change of its own.
	var purchaseID string
	var refunded int64
	o.queue("load_refund", []any{&purchaseID, &refunded, &hash}, func(r *referee) {
		r.facts ^= hash
		if p := r.purchase(purchaseID); p != nil {
			p.Refunded = refunded
		}
	})
	var verdict reward.Verdict
	o.queue("load_override", []any{&purchaseID, &verdict, &hash}, func(r *referee) {
		r.facts ^= hash
		if p := r.purchase(purchaseID); p != nil {
			p.Override = verdict
		}
	})
}

// queueAttribution queues reading the recorded attributions.
func (o *ownLoads) queueAttribution() {
	var a reward.Attribution
	var facts, via *int64
	var pairs *int32
	var intact, unchecked bool
	o.queue("load_attribution", []any{&a.Campaign, &a.Code, &a.ReferrerID, &a.Label, &a.TouchedAt, &a.Source, &a.VisitorID, &a.TouchID,
		&facts, &via, &pairs, &intact, &unchecked}, func(r *referee) {
		attribution := a
		r.Attribution = &attribution
		r.basis = readBasis(facts, via, pairs)
		r.noteChecksum(attributionRow, intact, unchecked)
	}, o.batch.resyncs)
}

func (o *ownLoads) queueResults() {
	b := o.batch
	o.queueAttribution()
	var intact, unchecked bool

	var pair reward.Pair
	var postponed, waits, waitlistIntact bool
	var credits int
	var w waitlistRow
	var least int64
	var starts, needs []int64
	o.queue("load_pair", []any{&pair.PurchaseID, &pair.Campaign, &pair.ReferrerID, &pair.Revision, &pair.Order, &pair.Ordinal,
		&pair.QualifiedAt, &pair.MaturesAt, &pair.CountedAt, &pair.Allowed, &pair.State, &pair.Reason, &postponed, &intact, &unchecked, &credits,
		&waits, &w.campaign, &w.referrerID, &w.order, &w.growing, &least, &starts, &needs, &w.edit, &w.passedOver, &waitlistIntact}, func(r *referee) {
		r.Pairs = append(r.Pairs, pair)
		r.noteChecksum(pair.PurchaseID, intact, unchecked)
		r.expectCredits(pair.PurchaseID, credits)
		if postponed {
			if r.postponedPairs == nil {
				r.postponedPairs = map[string]bool{}
			}
			r.postponedPairs[pair.PurchaseID] = true
		}
		if waits {
			if r.waitlistRows == nil {
				r.waitlistRows = map[string]*waitlistRow{}
			}
			row := w
			row.need, row.altered = needOf(least, starts, needs), !waitlistIntact && r.resynced
			r.waitlistRows[pair.PurchaseID] = &row
		}
		starts, needs = nil, nil
	}, b.resyncs)
	if b.resyncs {
		var purchaseID string
		o.queue("load_waitlist_without_pair", []any{&purchaseID, &w.campaign, &w.referrerID, &w.order, &w.growing, &w.altered}, func(r *referee) {
			if r.waitlistWithoutPair == nil {
				r.waitlistWithoutPair = map[string]*waitlistRow{}
			}
			r.waitlistWithoutPair[purchaseID] = &waitlistRow{campaign: w.campaign, referrerID: w.referrerID, order: w.order, growing: w.growing, altered: w.altered}
		})
	}
}

// queueEarned reads credits and ledger sums, also of a referee without attribution and pairs: these
// may be lost.
func (o *ownLoads) queueEarned() {
	b := o.batch
	var c recordedCredit
	var intact, unchecked bool
	o.queue("load_credit", []any{&c.purchaseID, &c.Reward, &c.campaign, &c.BeneficiaryID, &c.Currency, &c.Amount, &intact, &unchecked}, func(r *referee) {
		c.intact, c.unchecked = intact, unchecked
		r.credits = append(r.credits, c)
		if p := r.pair(c.purchaseID); p != nil {
			p.Credits = append(p.Credits, c.Credit)
		}
	}, b.resyncs)
	var l reward.LedgerSum
	o.queue("load_ledger", []any{&l.PurchaseID, &l.Reward, &l.Campaign, &l.BeneficiaryID, &l.Currency, &l.Sum, &l.LastSeq}, func(r *referee) {
		r.Ledger = append(r.Ledger, l)
	})
}

// loadLinks reads the links of typed codes, then the deciding touch of each signup without a code
// that names a link.
func (b *batch) loadLinks(ctx context.Context) error {
	byCode := map[string][]*referee{}
	var visited touchColumns
	var lost lostTouchColumns
	open := func(r *referee) bool {
		return r.Signup != nil && (r.pairWithoutAttribution != nil || !b.config.Reward.KeepsAttribution(r.Pairs))
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
		switch {
		case !open(r) || r.visitorID == "":
		case r.pairWithoutAttribution != nil: // a touch may have attributed it before the code had a link
			lost.add(r)
		case r.Code == nil:
			visited.add(r)
		}
	}
	return b.loadTouches(ctx, &visited, &lost)
}

// loadCodes reads the links of codes.
func (b *batch) loadCodes(ctx context.Context, byCode map[string][]*referee) error {
	if len(byCode) == 0 {
		return nil
	}
	var q pgx.Batch
	var link linkRow
	var hash int64
	q.Queue(b.statement("load_link"), slices.Collect(maps.Keys(byCode))).Query(b.eachOf(append(link.columns(), &hash), func() {
		l := link.read()
		for _, r := range byCode[l.Code] {
			r.Code, r.via = l, hash
		}
	}, func(code string, cause error) bool {
		for _, r := range byCode[code] {
			r.unfit = cause
		}
		return true
	}))
	return b.send(ctx, &q)
}

// loadTouches reads the deciding touch of each visited signup. If there is none, it reads touches
// that explain why. For a lost attribution it reads the touch that may have led to it.
func (b *batch) loadTouches(ctx context.Context, visited *touchColumns, lost *lostTouchColumns) error {
	var q pgx.Batch
	switch {
	case len(visited.UserIDs) == 0:
	case b.touches != nil:
		b.touches(b, &q, visited)
	default:
		q.Queue(b.statement("load_touch"), visited.UserIDs, visited.VisitorIDs, visited.SignedUpAt).Query(b.eachTouch())
	}
	if len(lost.UserIDs) > 0 {
		q.Queue(b.statement("load_touch_lost"), pgx.StrictStructArgs(lost)).Query(b.eachTouch())
	}
	if err := b.send(ctx, &q); err != nil {
		return err
	}
	var unfit touchColumns
	for _, id := range visited.UserIDs {
		if r := b.byID[id]; len(r.Touches) == 0 {
			unfit.add(r)
		}
	}
	if len(unfit.UserIDs) == 0 {
		return nil
	}
	q = pgx.Batch{}
	q.Queue(b.statement("load_touch_unfit"), unfit.UserIDs, unfit.VisitorIDs, unfit.SignedUpAt).Query(b.eachTouch())
	return b.send(ctx, &q)
}

// eachTouch adds touches to their referees.
func (b *batch) eachTouch() func(pgx.Rows) error {
	var id string
	var touch reward.Touch
	var link linkRow
	var hash int64
	columns := append([]any{&id, &touch.VisitorID, &touch.TouchID, &touch.TouchedAt}, link.columns()...)
	return b.eachOf(append(columns, &hash), func() {
		r := b.byID[id]
		touch.Link = link.read()
		r.Touches = append(r.Touches, touch)
		if r.Code == nil {
			r.via = hash
		}
	}, b.unfitReferee)
}

// touchColumns are signups whose touches are loaded.
type touchColumns struct {
	UserIDs    []string
	VisitorIDs []string
	SignedUpAt []time.Time
}

func (c *touchColumns) add(r *referee) {
	c.UserIDs = append(c.UserIDs, r.UserID)
	c.VisitorIDs = append(c.VisitorIDs, r.visitorID)
	c.SignedUpAt = append(c.SignedUpAt, r.Signup.SignedUpAt)
}

// lostTouchColumns are pairs whose attribution is lost and whose touch is looked for.
type lostTouchColumns struct {
	UserIDs     []string    `db:"user_ids"`
	VisitorIDs  []string    `db:"visitor_ids"`
	Campaigns   []string    `db:"campaigns"`
	ReferrerIDs []string    `db:"referrer_ids"`
	Latest      []time.Time `db:"latest"` // reward.LatestTouchTime
}

func (c *lostTouchColumns) add(r *referee) {
	pair := r.pairWithoutAttribution
	c.UserIDs = append(c.UserIDs, r.UserID)
	c.VisitorIDs = append(c.VisitorIDs, r.visitorID)
	c.Campaigns = append(c.Campaigns, pair.Campaign)
	c.ReferrerIDs = append(c.ReferrerIDs, pair.ReferrerID)
	c.Latest = append(c.Latest, reward.LatestTouchTime(&r.Referee, pair))
}

// linkRow receives the columns of a link.
type linkRow struct{ reward.Link }

func (l *linkRow) columns() []any {
	return []any{&l.Code, &l.Campaign, &l.ReferrerID, &l.Label, &l.ExpiresAt, &l.DisabledAt}
}

func (l *linkRow) read() *reward.Link {
	link := l.Link
	return &link
}

// Fingerprints that cannot be compared. Neither error keeps a referee from being loaded whole.
var (
	errLongFingerprints           = errors.New("the signup's fingerprints have more than 64 KiB")
	errLongFingerprintsOfReferrer = errors.New("the fingerprints of the referrer's own signup have more than 64 KiB: correct them, and the referee is decided again")
)

// loadFingerprints reads the fingerprints of every possible referrer of a referee that has
// fingerprints too, and the shared fingerprints that erasures recorded in their place. A referee is
// set aside if its fingerprints, or those of a possible referrer, are too long to be read.
func (b *batch) loadFingerprints(ctx context.Context) error {
	wanted := map[string][]*referee{}
	var users, others []string
	for _, r := range b.referees {
		if r.Signup == nil {
			continue
		}
		for _, id := range r.possibleReferrers() {
			users, others = append(users, r.UserID), append(others, id)
			switch {
			case r.longFingerprints:
				r.unfit = errLongFingerprints
			case len(r.Signup.Fingerprints) > 0:
				wanted[id] = append(wanted[id], r)
			}
		}
	}
	if len(users) == 0 {
		return nil
	}
	var q pgx.Batch
	var id, other string
	if len(wanted) > 0 {
		var fingerprints []string
		var long bool
		q.Queue(b.statement("load_fingerprint"), slices.Collect(maps.Keys(wanted))).Query(b.each([]any{&id, &fingerprints, &long}, func() {
			b.bytes += len(wanted[id]) * bytesPerRow // each referee has its own map
			for _, r := range wanted[id] {
				if long {
					r.unfit = errLongFingerprintsOfReferrer
				}
				if r.ReferrerFingerprints == nil {
					r.ReferrerFingerprints = map[string][]string{}
				}
				r.ReferrerFingerprints[id] = fingerprints
			}
			fingerprints = nil
		}))
	}
	// Each statement has a snapshot of its own. An erasure records what is shared in the transaction
	// that blanks fingerprints, so what the statement before no longer found is found here.
	q.Queue(b.statement("load_shared"), users, others).Query(b.each([]any{&id, &other}, func() {
		b.byID[id].Signup.SharedWith = append(b.byID[id].Signup.SharedWith, other)
	}))
	return b.send(ctx, &q)
}

// each scans every row into columns and calls add, as long as the batch may hold what it reads and
// no text is longer than any table takes: errors and further rows repeat texts. A panic of add is an
// error, so that the rest of the rows is read and the connection stays usable.
func (b *batch) each(columns []any, add func()) func(pgx.Rows) error {
	return b.eachOf(columns, add, func(string, error) bool { return false })
}

// eachOf is each for rows that begin with a key. unfit is told which key has a text that is too long:
// true leaves the row out.
func (b *batch) eachOf(columns []any, add func(), unfit func(key string, cause error) bool) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		defer rows.Close()
		return Contain(func() error { return b.addEach(rows, columns, add, unfit) })
	}
}

// unfitReferee makes a referee be set aside.
func (b *batch) unfitReferee(userID string, cause error) bool {
	r := b.byID[userID]
	if r != nil {
		r.unfit = cause
	}
	return r != nil
}

func (b *batch) addEach(rows pgx.Rows, columns []any, add func(), unfit func(key string, cause error) bool) error {
	for rows.Next() {
		values := rows.RawValues()
		if err := checkTexts(values, columns); err != nil {
			if len(values[0]) <= longestText && unfit(string(values[0]), err) {
				continue
			}
			return err
		}
		b.bytes += bytesPerRow
		for _, value := range values {
			b.bytes += len(value)
		}
		if err := b.checkBytes(); err != nil {
			return err
		}
		if err := rows.Scan(columns...); err != nil {
			return err
		}
		for _, column := range columns {
			if texts, ok := column.(*[]string); ok {
				b.bytes += bytesPerText * len(*texts)
			}
		}
		if err := b.checkBytes(); err != nil {
			return err
		}
		add()
	}
	return rows.Err()
}

// checkTexts fails for a value that no table takes, before it is copied. Attributes and lists may be
// longer than texts.
func checkTexts(values [][]byte, columns []any) (err error) {
	for i := 0; i < min(len(values), len(columns)) && err == nil; i++ {
		switch columns[i].(type) {
		case *[]byte:
		case *[]string, *[]int64:
			err = postgres.CheckArray(values[i])
		default:
			err = checkText(values[i])
		}
	}
	return err
}
