package facts

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Redemption is a fact: available credit was spent.
type Redemption struct {
	BeneficiaryID string
	RedemptionID  string
	Amount        int64
	Currency      string
	Reason        *string
	Author        *string
	CreatedAt     *time.Time
}

// Insufficient is the error for a redemption of more credit than is available.
type Insufficient struct {
	Currency  string
	Available Units // now; may be below zero after a reversal
}

func (i *Insufficient) Error() string {
	return "only " + string(i.Available) + " minor units of " + i.Currency + " are available"
}

// covered is the constraint that refuses a redemption above the available credit.
const covered = "redemption_covered"

// redeeming is a redemption with the author to store where it names none.
type redeeming struct {
	*Redemption
	caller string
}

func redemptions(sql postgres.Queries) *kind[redeeming, Redemption] {
	return &kind[redeeming, Redemption]{
		name:    "redemption",
		insert:  sql.Get("insert_redemption"),
		find:    sql.Get("find_redemption"),
		columns: redemptionColumns,
		key:     func(r *redeeming) key { return redemptionKey(r.Redemption) },
		stored:  redemptionKey,
		scan: func(s *Redemption) []any {
			return []any{&s.BeneficiaryID, &s.RedemptionID, &s.Amount, &s.Currency, &s.Reason, &s.Author, instant{&s.CreatedAt}}
		},
		differ: func(r *redeeming, s *Redemption, _ bool) []Difference {
			var d differences
			d.amount("amount", r.Amount, s.Amount)
			d.text("currency", r.Currency, s.Currency)
			d.optional("reason", r.Reason, valueOf(s.Reason))
			d.optional("author", r.Author, valueOf(s.Author))
			d.instant("created_at", r.CreatedAt, s.CreatedAt)
			return d
		},
	}
}

func redemptionKey(r *Redemption) key { return key{r.BeneficiaryID, r.RedemptionID} }

func redemptionColumns(rows []*redeeming) pgx.StrictNamedArgs {
	n := len(rows)
	beneficiaryID, redemptionID := make([]string, n), make([]string, n)
	amount, currency := make([]int64, n), make([]string, n)
	reason, author, createdAt := make([]string, n), make([]string, n), make([]*time.Time, n)
	for i, r := range rows {
		beneficiaryID[i], redemptionID[i] = r.BeneficiaryID, r.RedemptionID
		amount[i], currency[i] = r.Amount, r.Currency
		reason[i], author[i], createdAt[i] = valueOf(r.Reason), r.caller, r.CreatedAt
		if r.Author != nil {
			author[i] = *r.Author
		}
	}
	return pgx.StrictNamedArgs{
		"beneficiary_ids": beneficiaryID, "redemption_ids": redemptionID, "amounts": amount,
		"currencies": currency, "reasons": reason, "authors": author, "created_at": createdAt,
	}
}

// Redeem spends credit, or returns *Insufficient. author is stored where the redemption names none.
// Redemptions share no commit: a refused one must not delay others. Those of one account are written
// one after another.
func (s *Store) Redeem(ctx context.Context, r *Redemption, author string) (outcome Outcome[Redemption], err error) {
	leave, err := s.accounts.enter(ctx, account{r.BeneficiaryID, r.Currency})
	if err != nil {
		return outcome, err
	}
	defer leave()
	err = s.alone(ctx, func() error {
		return pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
			outcomes, err := s.redemptions.write(ctx, tx, []*redeeming{{r, author}})
			if err == nil {
				outcome = outcomes[0]
				err = outcome.Err
			}
			return err
		})
	})
	if postgres.Constraint(err) == covered {
		available, err := s.available(ctx, r.BeneficiaryID, r.Currency)
		if err != nil {
			return outcome, err
		}
		return outcome, &Insufficient{Currency: r.Currency, Available: available}
	}
	return outcome, err
}
