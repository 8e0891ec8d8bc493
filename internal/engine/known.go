package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// Known is all that a decision about one referee rests on, and what its waiting pairs wait for.
type Known struct {
	Config  *reward.Configuration
	Referee *reward.Referee
	Waits   map[PairKey]reward.Reason // see LoadWaits
	At      time.Time                 // when Referee was read, by the database's clock
}

// ErrUndecidable is the error for a referee that cannot be decided, and so is set aside.
var ErrUndecidable = errors.New("the user cannot be decided")

// LoadKnown reads, in one snapshot, the configuration, what a batch would load, and what the
// referee's waiting pairs wait for. It locks and writes nothing, and needs only the rights of a
// reader. Each statement, and each wait for a lock, ends after timeout.
//
// If what a batch would load takes more than so many bytes of memory, the error is ErrTooMuchKnown;
// if it has a text that is too long, ErrUndecidable. Then the result has only the configuration.
func LoadKnown(ctx context.Context, db *postgres.DB, userID string, mostBytes int, timeout time.Duration) (Known, error) {
	var config Declared
	r := newReferee(userID)
	b := newBatch(New(db, Options{}), &config, turn{size: 1})
	b.mostKnown = mostBytes
	b.referees, b.byID = []*referee{r}, map[string]*referee{userID: r}
	defer b.releaseMemory()
	var waits map[PairKey]reward.Reason
	err := db.Snapshot(ctx, func(tx pgx.Tx) (err error) {
		b.tx = tx
		if err := postgres.SetTimeouts(ctx, tx, timeout, timeout); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, b.statement("load_configuration"))
		if config, err = readDeclared(rows, err, nil); err != nil {
			return err
		}
		if waits, err = b.loadKnown(ctx, r, timeout); err != nil {
			return fmt.Errorf("while loading what is known of a referee: %w", err)
		}
		return nil
	})
	switch {
	case errors.Is(err, ErrTooMuchKnown):
		return Known{Config: config.Reward}, err
	case err != nil:
		return Known{}, err
	case r.unfit != nil:
		return Known{Config: config.Reward}, fmt.Errorf("%w: %w", ErrUndecidable, r.unfit)
	}
	return Known{Config: config.Reward, Referee: &r.Referee, Waits: waits, At: b.now}, nil
}

// loadKnown loads what is known of the batch's only referee, and what its waiting pairs wait for.
func (b *batch) loadKnown(ctx context.Context, r *referee, timeout time.Duration) (map[PairKey]reward.Reason, error) {
	if _, err := b.tx.Exec(ctx, b.statement("begin")); err != nil {
		return nil, err
	}
	if err := postgres.SetTimeouts(ctx, b.tx, timeout, timeout); err != nil { // a batch's are longer
		return nil, err
	}
	if err := b.tx.QueryRow(ctx, "SELECT now()").Scan(&b.now); err != nil {
		return nil, err
	}
	for _, load := range []func(context.Context) error{b.loadOwn, b.loadLinks, b.loadFingerprints} {
		if err := load(ctx); err != nil {
			return nil, err
		}
	}
	var waiting []PairKey
	for i := range r.Pairs {
		if r.Pairs[i].State == reward.Waiting {
			waiting = append(waiting, PairKey{r.UserID, r.Pairs[i].PurchaseID})
		}
	}
	return LoadWaits(ctx, b.engine.db, b.tx, waiting)
}
