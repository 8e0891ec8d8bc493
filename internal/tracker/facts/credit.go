package facts

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Credit is one reward of one pair, or the pair without a reward where it earns
// nothing now.
type Credit struct {
	UserID      string    `json:"user_id" doc:"The referee."`
	PurchaseID  string    `json:"purchase_id" doc:"The purchase."`
	Reward      string    `json:"reward,omitempty" doc:"Name of the reward in the policy; left out: the pair earns nothing now."`
	Campaign    string    `json:"campaign" doc:"The campaign."`
	State       string    `json:"state" enum:"Held,Granted,Waiting,Reversed" doc:"Held until it matures, Granted, Waiting for room, or Reversed."`
	Reason      string    `json:"reason" doc:"Why it is in that state."`
	Amount      *int64    `json:"amount,omitempty" doc:"Minor units that it earns now."`
	Currency    *string   `json:"currency,omitempty" doc:"ISO 4217."`
	QualifiedAt time.Time `json:"qualified_at" doc:"The later of signup and purchase."`
	MaturesAt   time.Time `json:"matures_at" doc:"When its hold ends."`
	DecidedAt   time.Time `json:"decided_at" doc:"When the state was decided."`
}

// CreditKey is a place in a list of credits.
type CreditKey struct{ UserID, PurchaseID, Reward string }

// Credits are somebody's credits after a place, in the order of their keys, at
// most limit.
func (s *Store) Credits(ctx context.Context, beneficiaryID string, after CreditKey, limit int) ([]Credit, error) {
	rows, err := s.db.Query(ctx, s.sql.Get("list_credits"), beneficiaryID, after.UserID, after.PurchaseID, after.Reward, limit)
	if err != nil {
		return nil, fmt.Errorf("while reading credits: %w", err)
	}
	credits, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Credit, err error) {
		err = row.Scan(&c.UserID, &c.PurchaseID, &c.Reward, &c.Campaign, &c.State, &c.Reason, &c.Amount, &c.Currency,
			always{&c.QualifiedAt}, always{&c.MaturesAt}, always{&c.DecidedAt})
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("while reading credits: %w", err)
	}
	return credits, nil
}
