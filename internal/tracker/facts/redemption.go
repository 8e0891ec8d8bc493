package facts

import (
	"context"
	"time"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Redemption is a fact: available credit was spent.
type Redemption struct {
	BeneficiaryID string     `json:"beneficiary_id" minLength:"1" maxLength:"255" doc:"Whose credit."`
	RedemptionID  string     `json:"redemption_id" minLength:"1" maxLength:"255" doc:"The application's number of it, such as the order it was spent on."`
	Amount        int64      `json:"amount" minimum:"1" example:"500" doc:"Minor units of the currency, above zero."`
	Currency      string     `json:"currency" pattern:"^[A-Z]{3}$" example:"USD" doc:"ISO 4217, three capital letters."`
	Reason        *string    `json:"reason,omitempty" maxLength:"2048" doc:"What for, for people."`
	Author        *string    `json:"author,omitempty" maxLength:"255" doc:"Who spent it, for people."`
	CreatedAt     *time.Time `json:"created_at,omitempty" doc:"When it was spent. Left out: now."`

	caller string // stands in for the author
}

// Insufficient says that there is less credit than was to be spent.
type Insufficient struct {
	Currency  string
	Available Units // now; may be below zero after a reversal
}

func (i *Insufficient) Error() string {
	return "only " + string(i.Available) + " minor units of " + i.Currency + " are available"
}

// covered is the constraint by which the database refuses to spend what is not there.
const covered = "redemption_covered"

func redemptions(sql postgres.Queries) *kind[Redemption, Redemption] {
	return &kind[Redemption, Redemption]{
		name:    "redemption",
		insert:  sql.Get("insert_redemption"),
		find:    sql.Get("find_redemption"),
		columns: redemptionColumns,
		key:     redemptionKey,
		stored:  redemptionKey,
		scan: func(s *Redemption) []any {
			return []any{&s.BeneficiaryID, &s.RedemptionID, &s.Amount, &s.Currency, &s.Reason, &s.Author, instant{&s.CreatedAt}}
		},
		differ: func(r, s *Redemption, _ bool) []Difference {
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

func redemptionColumns(rows []*Redemption) []any {
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
	return []any{beneficiaryID, redemptionID, amount, currency, reason, author, createdAt}
}

// Redeem spends credit, or returns *Insufficient. author is who does so where
// the redemption does not say. It shares no commit, since what refuses one must
// not make others wait.
func (s *Store) Redeem(ctx context.Context, r *Redemption, author string) (outcome Outcome[Redemption], err error) {
	r.caller = author
	err = again(ctx, func() error {
		outcomes, err := s.redemptions.write(ctx, s.db, []*Redemption{r})
		if err == nil {
			outcome = outcomes[0]
			err = outcome.Err
		}
		return err
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
