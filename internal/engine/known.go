package engine

import (
	"context"
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

// LoadKnown reads the configuration, and then, in one snapshot, what a batch would load and what
// the referee's waiting pairs wait for. It locks and writes nothing, and needs only the rights of a
// reader. It returns ErrTooMuchKnown if what a batch would load takes more than so many bytes of
// memory.
func LoadKnown(ctx context.Context, db *postgres.DB, userID string, mostBytes int) (Known, error) {
	config, err := LoadDeclared(ctx, db)
	if err != nil {
		return Known{}, err
	}
	r := newReferee(userID)
	b := newBatch(New(db, Options{}), &config, turn{size: 1})
	b.mostKnown = mostBytes
	b.referees, b.byID = []*referee{r}, map[string]*referee{userID: r}
	defer b.releaseMemory()
	var waits map[PairKey]reward.Reason
	err = db.Snapshot(ctx, func(tx pgx.Tx) error {
		b.tx = tx
		if _, err := tx.Exec(ctx, b.statement("begin")); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, "SELECT now()").Scan(&b.now); err != nil {
			return err
		}
		for _, load := range []func(context.Context) error{b.loadOwn, b.loadLinks, b.loadFingerprints} {
			if err := load(ctx); err != nil {
				return err
			}
		}
		if r.unfit != nil {
			return r.unfit
		}
		var waiting []PairKey
		for i := range r.Pairs {
			if r.Pairs[i].State == reward.Waiting {
				waiting = append(waiting, PairKey{userID, r.Pairs[i].PurchaseID})
			}
		}
		waits, err = LoadWaits(ctx, db, tx, waiting)
		return err
	})
	if err != nil {
		return Known{}, fmt.Errorf("while loading what is known of a referee: %w", err)
	}
	return Known{Config: config.Reward, Referee: &r.Referee, Waits: waits, At: b.now}, nil
}
