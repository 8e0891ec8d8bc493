package engine

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// LoadWaits returns, for those of the pairs that wait to be admitted, the reason that is true now.
// The recorded one is that of the last decision. It locks and writes nothing, and needs only the
// rights of a reader.
func LoadWaits(ctx context.Context, db *postgres.DB, tx pgx.Tx, pairs []PairKey) (map[PairKey]reward.Reason, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	users, purchases := make([]string, len(pairs)), make([]string, len(pairs))
	for i, pair := range pairs {
		users[i], purchases[i] = pair.UserID, pair.PurchaseID
	}
	waits := make(map[PairKey]reward.Reason, len(pairs))
	rows, err := tx.Query(ctx, db.Qualify(queries.Get("load_wait")), users, purchases)
	if err == nil {
		var pair PairKey
		var referrer string
		var limit, left, admitted, needed int64
		var budget *int64
		columns := []any{&pair.UserID, &pair.PurchaseID, &referrer, &limit, &budget, &left, &admitted, &needed}
		err = postgres.ForEachRow(rows, columns, func() error {
			campaign := reward.Campaign{PairsPerReferrer: limit}
			if budget != nil {
				campaign.Budget = &reward.Money{Amount: *budget}
			}
			capacity := reward.Capacity{
				Campaign: &campaign, BudgetLeft: min(left, reward.MostBudgetLeft), Admitted: map[string]int64{referrer: admitted},
			}
			waits[pair] = capacity.WaitReason(referrer, needed)
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("while reading what pairs wait for: %w", err)
	}
	return waits, nil
}
