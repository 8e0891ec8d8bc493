package explain

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
)

//go:embed queries/*.sql
var queryFiles embed.FS

var queries = postgres.LoadQueries(queryFiles)

// Bounds of a review.
const (
	mostEvents    = 50
	mostPurchases = 20
	mostEntries   = 50
	mostFriends   = 50
)

// statementTimeout bounds each statement of a review and of an explanation.
var statementTimeout = 2 * time.Second

// ErrInvalidAfter is the error for a place in a list of friends that no review has given.
var ErrInvalidAfter = errors.New("spec.after: must be status.friends.next of an earlier review")

// Review is an explanation with the user's events and ledger entries.
type Review struct {
	Explanation
	At           time.Time // the database's clock
	Timeline     []Event   // in the order of time
	Ledger       map[string][]Entry
	Pending      string // what the engine has yet to decide about the user; empty: nothing
	Truncated    bool
	OnlyRecorded bool   // the user has too many facts to be decided again, or cannot be decided
	Undecidable  string // that the user cannot be decided, and why; empty: the user can be
}

// Event is one thing that happened to a user.
type Event struct {
	At                               time.Time
	What, Code, Campaign, PurchaseID string
	Amount                           int64
	Currency                         string
	Lost                             string
}

// Entry is one ledger entry.
type Entry struct {
	At                          time.Time
	Kind, Reward, BeneficiaryID string
	Amount                      int64
	Currency, Reason            string
	Revision                    int
}

// User reviews the newest purchases of a user, or the one purchase that is named. For a user with
// too many facts to be decided at once, or who cannot be decided, it shows only what is recorded,
// without checks. It needs the rights of the operator: a reader may not read the change queue.
func User(ctx context.Context, db *postgres.DB, userID, purchaseID string) (Review, error) {
	explanation, known, err := explained(ctx, db, userID)
	review := Review{Explanation: explanation, At: postgres.Representable(known.At), Ledger: map[string][]Entry{}}
	switch {
	case errors.Is(err, ErrUndecidable):
		review.OnlyRecorded, review.Undecidable = true, postgres.Message(err)
	case errors.Is(err, ErrTooLarge):
		review.OnlyRecorded = true
	case err != nil:
		return Review{}, err
	}
	review.choose(purchaseID)
	err = snapshot(ctx, db, func(tx pgx.Tx) (err error) {
		review.UserID = userID
		if err := review.readPending(ctx, db, tx); err != nil {
			return err
		}
		if review.OnlyRecorded {
			review.Truncated = true
			if known.Referee, err = review.readRecorded(ctx, db, tx, known.Config, purchaseID); err != nil {
				return err
			}
		}
		var attribution *reward.Attribution
		if a := review.Attribution; a != nil {
			attribution = &reward.Attribution{Source: reward.Source(a.Source), VisitorID: a.visitorID, TouchID: a.touchID}
		}
		lost := func(touch *reward.Touch) string {
			return reward.WhyLost(known.Config, known.Referee, attribution, touch)
		}
		if err := review.readTimeline(ctx, db, tx, lost); err != nil {
			return err
		}
		return review.readLedger(ctx, db, tx)
	})
	return review, err
}

// snapshot runs do in a transaction of one snapshot whose statements are bounded.
func snapshot(ctx context.Context, db *postgres.DB, do func(pgx.Tx) error) error {
	return db.Snapshot(ctx, func(tx pgx.Tx) error {
		if err := postgres.SetTimeouts(ctx, tx, statementTimeout, statementTimeout); err != nil {
			return err
		}
		return do(tx)
	})
}

// choose keeps the purchase that is named, or the newest ones.
func (r *Review) choose(purchaseID string) {
	if purchaseID != "" {
		r.Purchases = slices.DeleteFunc(r.Purchases, func(p Purchase) bool { return p.PurchaseID != purchaseID })
	}
	slices.SortStableFunc(r.Purchases, func(a, b Purchase) int {
		return cmp.Or(orZero(b.PurchasedAt).Compare(orZero(a.PurchasedAt)), cmp.Compare(a.PurchaseID, b.PurchaseID))
	})
	if len(r.Purchases) > mostPurchases {
		r.Purchases, r.Truncated = r.Purchases[:mostPurchases], true
	}
}

func (r *Review) readTimeline(ctx context.Context, db *postgres.DB, tx pgx.Tx, lost func(*reward.Touch) string) error {
	rows, err := tx.Query(ctx, db.Qualify(queries.Get("timeline")), r.UserID, mostEvents+1)
	if err != nil {
		return err
	}
	var e Event
	var visitorID, touchID, referrerID string
	var expiresAt, disabledAt *time.Time
	err = postgres.ForEachRow(rows, []any{&e.At, &e.What, &e.Code, &e.Campaign, &e.PurchaseID, &e.Amount, &e.Currency, &visitorID, &touchID, &referrerID, &expiresAt, &disabledAt}, func() error {
		event := e
		if e.What == "Touched" {
			touch := reward.Touch{VisitorID: visitorID, TouchID: touchID, TouchedAt: e.At}
			if e.Code != "" {
				touch.Link = &reward.Link{Code: e.Code, Campaign: e.Campaign, ReferrerID: referrerID, ExpiresAt: expiresAt, DisabledAt: disabledAt}
			}
			event.Lost = lost(&touch)
		}
		event.At = postgres.Representable(e.At)
		r.Timeline = append(r.Timeline, event)
		return nil
	})
	if len(r.Timeline) > mostEvents {
		r.Timeline, r.Truncated = r.Timeline[:mostEvents], true
	}
	slices.Reverse(r.Timeline)
	return err
}

func orZero[T any](value *T) (zero T) {
	if value == nil {
		return zero
	}
	return *value
}

func (r *Review) purchaseIDs() []string {
	ids := make([]string, len(r.Purchases))
	for i := range r.Purchases {
		ids[i] = r.Purchases[i].PurchaseID
	}
	return ids
}

func (r *Review) readLedger(ctx context.Context, db *postgres.DB, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, db.Qualify(queries.Get("ledger")), r.UserID, r.purchaseIDs(), mostEntries)
	if err != nil {
		return err
	}
	var id string
	var e Entry
	err = postgres.ForEachRow(rows, []any{&id, &e.At, &e.Kind, &e.Reward, &e.BeneficiaryID, &e.Amount, &e.Currency, &e.Reason, &e.Revision}, func() error {
		e.At = postgres.Representable(e.At)
		if len(r.Ledger[id]) < mostEntries { // a server may send more than it is asked for
			r.Ledger[id] = append(r.Ledger[id], e)
		}
		return nil
	})
	return err
}

func (r *Review) readPending(ctx context.Context, db *postgres.DB, tx pgx.Tx) error {
	var change, setAside *time.Time
	var withheld bool
	if err := tx.QueryRow(ctx, db.Qualify(queries.Get("pending")), r.UserID).Scan(&change, &setAside, &withheld); err != nil {
		return err
	}
	var parts []string
	if change != nil {
		parts = append(parts, "a change since "+postgres.Representable(*change).Format(time.RFC3339)+" has not been decided yet")
	}
	if setAside != nil {
		parts = append(parts, "the user could not be decided since "+postgres.Representable(*setAside).Format(time.RFC3339)+" and is set aside")
	}
	if withheld {
		parts = append(parts, "reversals are withheld")
	}
	r.Pending = strings.Join(parts, "; ")
	return nil
}

// Friends is what is known of the friends of a referrer.
type Friends struct {
	At       time.Time
	Stages   [5]int64 // awaiting a purchase, reversed, waiting, held, granted
	Newest   []Friend
	Next     string
	Complete bool // there are no further friends
}

// Friend is one user that a referrer brought.
type Friend struct {
	UserID, Campaign, State, Reason string
	SignedUpAt                      time.Time
	Place                           string // in the list of friends; OfReferrer goes on after it
}

// OfReferrer reviews the friends of a referrer, from after on.
func OfReferrer(ctx context.Context, db *postgres.DB, referrerID, after string) (Friends, error) {
	friends := Friends{Complete: true}
	var afterAt *time.Time
	var afterID string
	if after != "" {
		at, id, err := readPlace(after)
		if err != nil {
			return friends, err
		}
		afterAt, afterID = &at, id
	}
	err := snapshot(ctx, db, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, "SELECT now()").Scan(&friends.At); err != nil {
			return err
		}
		friends.At = postgres.Representable(friends.At)
		rows, err := tx.Query(ctx, db.Qualify(queries.Get("stages")), referrerID)
		if err != nil {
			return err
		}
		var stage int
		var count int64
		err = postgres.ForEachRow(rows, []any{&stage, &count}, func() error {
			if stage < 0 || stage >= len(friends.Stages) {
				return fmt.Errorf("the server counts friends at stage %d, which does not exist", stage)
			}
			friends.Stages[stage] = count
			return nil
		})
		if err != nil {
			return err
		}
		rows, err = tx.Query(ctx, db.Qualify(queries.Get("friends")), referrerID, afterAt, afterID, mostFriends+1)
		if err != nil {
			return err
		}
		var f Friend
		var mode reward.Mode
		var modes []reward.Mode
		var purchaseID string
		var keys []engine.PairKey
		err = postgres.ForEachRow(rows, []any{&f.UserID, &f.SignedUpAt, &f.Campaign, &purchaseID, &f.State, &f.Reason, &mode}, func() error {
			friends.Newest, modes = append(friends.Newest, f), append(modes, mode)
			keys = append(keys, engine.PairKey{UserID: f.UserID, PurchaseID: purchaseID})
			return nil
		})
		if err != nil {
			return err
		}
		waits, err := engine.LoadWaits(ctx, db, tx, keys)
		for i := range friends.Newest {
			f := &friends.Newest[i]
			f.Reason = string(reward.ShownReason(modes[i], reward.State(f.State), reward.Reason(f.Reason), waits[keys[i]]))
		}
		return err
	})
	if err != nil {
		return friends, fmt.Errorf("while reading the friends of a referrer: %w", err)
	}
	if len(friends.Newest) > mostFriends {
		friends.Newest, friends.Complete = friends.Newest[:mostFriends], false
	}
	for i := range friends.Newest {
		f := &friends.Newest[i]
		f.Place, f.SignedUpAt = placeOf(f), postgres.Representable(f.SignedUpAt)
	}
	if !friends.Complete {
		friends.Next = friends.Newest[len(friends.Newest)-1].Place
	}
	return friends, nil
}

// year2000 is where Postgres counts the microseconds of a time from, in seconds since 1970. Counted
// from 1970 those of its last years are too many for an int64.
const year2000 = 946_684_800

// Times of Postgres, in microseconds since the year 2000, begin in 4714 BC and end before 294277.
const (
	firstTime  = -211_813_488_000_000_000
	endOfTimes = 9_223_371_331_200_000_000
)

// placeOf returns the place of a friend in the list of friends: the time of the signup, in
// microseconds since the year 2000, and the user id. RFC 3339 cannot express every time.
func placeOf(f *Friend) string {
	at := (f.SignedUpAt.Unix()-year2000)*1_000_000 + int64(f.SignedUpAt.Nanosecond())/1000
	return strconv.FormatInt(at, 10) + "/" + f.UserID
}

// readPlace reads what placeOf returned. Its error is ErrInvalidAfter.
func readPlace(text string) (signedUpAt time.Time, userID string, err error) {
	number, userID, found := strings.Cut(text, "/")
	at, err := strconv.ParseInt(number, 10, 64)
	if !found || err != nil || at < firstTime || at >= endOfTimes || strings.ContainsRune(userID, 0) {
		return time.Time{}, "", ErrInvalidAfter
	}
	return time.Unix(year2000+at/1_000_000, at%1_000_000*1000), userID, nil
}
