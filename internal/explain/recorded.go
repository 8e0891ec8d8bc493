package explain

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// readRecorded reads what is recorded about a user who is not decided again for an answer. The result
// is the part of the user's facts that WhyLost reads. It comes after readPending.
func (r *Review) readRecorded(ctx context.Context, db *postgres.DB, tx pgx.Tx, config *reward.Configuration, purchaseID string) (*reward.Referee, error) {
	referee, err := r.readUser(ctx, db, tx)
	if err != nil {
		return nil, err
	}
	if referee.Pairs, err = readKeepingPairs(ctx, db, tx, r.UserID); err != nil {
		return nil, err
	}
	if a := r.Attribution; a != nil && config.Campaigns[a.Campaign] != nil && config.Campaigns[a.Campaign].Mode == reward.Suspended {
		r.Suspended = a.Campaign
	}
	modes, err := r.readPurchases(ctx, db, tx, purchaseID)
	if err != nil {
		return nil, err
	}
	if err := r.readCredits(ctx, db, tx); err != nil {
		return nil, err
	}
	if err := r.describeRecorded(ctx, db, tx, modes); err != nil {
		return nil, err
	}
	return referee, checkPurchases(r.Purchases)
}

// readUser reads the clock, the signup and the attribution.
func (r *Review) readUser(ctx context.Context, db *postgres.DB, tx pgx.Tx) (*reward.Referee, error) {
	var signedUpAt, touchedAt *time.Time
	var typed bool
	var campaign, code, referrerID, label, source *string
	var visitorID, touchID string
	err := tx.QueryRow(ctx, db.Qualify(queries.Get("recorded_user")), r.UserID).
		Scan(&r.At, &signedUpAt, &typed, &campaign, &code, &referrerID, &label, &touchedAt, &source, &visitorID, &touchID)
	if err != nil {
		return nil, err
	}
	r.At, r.SignedUp = postgres.Representable(r.At), signedUpAt != nil
	referee := &reward.Referee{UserID: r.UserID}
	if r.SignedUp {
		referee.Signup = &reward.Signup{SignedUpAt: *signedUpAt}
	}
	if typed {
		referee.Code = &reward.Link{}
	}
	if campaign != nil {
		r.Attribution = &Attribution{*campaign, orZero(code), orZero(referrerID), orZero(label), postgres.Representable(orZero(touchedAt)), orZero(source), visitorID, touchID}
	}
	return referee, nil
}

func readKeepingPairs(ctx context.Context, db *postgres.DB, tx pgx.Tx, userID string) (pairs []reward.Pair, err error) {
	rows, err := tx.Query(ctx, db.Qualify(queries.Get("keeping_pairs")), userID)
	if err != nil {
		return nil, err
	}
	var p reward.Pair
	err = postgres.ForEachRow(rows, []any{&p.Campaign, &p.State, &p.Ordinal}, func() error {
		pairs = append(pairs, p)
		return nil
	})
	return pairs, err
}

// readPurchases reads the newest purchases, or the one that is named, and the modes of their
// campaigns. A purchase without a pair does not count, unless the user is still to be decided.
func (r *Review) readPurchases(ctx context.Context, db *postgres.DB, tx pgx.Tx, purchaseID string) (modes []reward.Mode, err error) {
	rows, err := tx.Query(ctx, db.Qualify(queries.Get("recorded")), r.UserID, purchaseID, mostPurchases)
	if err != nil {
		return nil, err
	}
	var p Purchase
	var mode reward.Mode
	var purchasedAt, maturesAt *time.Time
	columns := []any{&p.PurchaseID, &purchasedAt, &p.Currency, &p.Amount, &p.Campaign, &mode, &p.Revision, &p.Digest, &p.State, &p.Reason, &maturesAt}
	err = postgres.ForEachRow(rows, columns, func() error {
		recorded := p
		if purchasedAt != nil {
			recorded.PurchasedAt = new(postgres.Representable(*purchasedAt))
		}
		switch {
		case p.State == "" && r.Pending != "":
			recorded.State, recorded.Pending, recorded.Unrecorded = Undecided, true, UnrecordedState
		case p.State == "":
			recorded.State = string(reward.NotCounting)
		case p.State == string(reward.Held) && maturesAt != nil:
			recorded.MaturesAt = new(postgres.Representable(*maturesAt))
		}
		r.Purchases, modes = append(r.Purchases, recorded), append(modes, mode)
		purchasedAt, maturesAt = nil, nil
		return nil
	})
	r.Purchases = r.Purchases[:min(len(r.Purchases), mostPurchases)] // a server may send more than it is asked for
	return modes, err
}

// readCredits reads what the purchases earn.
func (r *Review) readCredits(ctx context.Context, db *postgres.DB, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, db.Qualify(queries.Get("recorded_credits")), r.UserID, r.purchaseIDs(), mostPurchases*(mostCredits+1))
	if err != nil {
		return err
	}
	byID := make(map[string]*Purchase, len(r.Purchases))
	for i := range r.Purchases {
		byID[r.Purchases[i].PurchaseID] = &r.Purchases[i]
	}
	var id string
	var c Credit
	return postgres.ForEachRow(rows, []any{&id, &c.Reward, &c.BeneficiaryID, &c.Amount, &c.Currency}, func() error {
		if p := byID[id]; p != nil {
			p.Credits = append(p.Credits, c)
		}
		return nil
	})
}

// undecidableRemedy is the remedy of a purchase whose user cannot be decided.
const undecidableRemedy = "The operator cannot decide the user: tell the people who run it."

// describeRecorded adds reason and remedy, in these modes of the purchases' campaigns. Why a
// purchase has never counted is not recorded.
func (r *Review) describeRecorded(ctx context.Context, db *postgres.DB, tx pgx.Tx, modes []reward.Mode) error {
	keys := make([]engine.PairKey, len(r.Purchases))
	for i := range r.Purchases {
		keys[i] = engine.PairKey{UserID: r.UserID, PurchaseID: r.Purchases[i].PurchaseID}
	}
	waits, err := engine.LoadWaits(ctx, db, tx, keys)
	if err != nil {
		return err
	}
	for i := range r.Purchases {
		if p := &r.Purchases[i]; p.State != string(reward.NotCounting) {
			p.describe(modes[i], waits[keys[i]])
			if p.State == Undecided && r.Undecidable != "" {
				p.Remedy = undecidableRemedy
			}
		}
	}
	return nil
}
