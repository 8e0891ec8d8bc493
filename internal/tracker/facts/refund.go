package facts

import (
	"time"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Refund is a fact: part or all of a purchase was given back.
type Refund struct {
	UserID     string     `json:"user_id" minLength:"1" maxLength:"255" doc:"Who bought."`
	PurchaseID string     `json:"purchase_id" minLength:"1" maxLength:"255" doc:"What was bought; the purchase may arrive later."`
	RefundID   string     `json:"refund_id" minLength:"1" maxLength:"255" doc:"The application's number of the refund."`
	Amount     int64      `json:"amount" minimum:"1" example:"2500" doc:"Minor units of the purchase's currency, above zero."`
	RefundedAt *time.Time `json:"refunded_at,omitempty" doc:"When it was given back. Left out: now."`
}

func refunds(sql postgres.Queries) *kind[Refund, Refund] {
	return &kind[Refund, Refund]{
		name:    "refund",
		insert:  sql.Get("insert_refund"),
		find:    sql.Get("find_refund"),
		columns: refundColumns,
		key:     refundKey,
		stored:  refundKey,
		scan: func(s *Refund) []any {
			return []any{&s.UserID, &s.PurchaseID, &s.RefundID, &s.Amount, instant{&s.RefundedAt}}
		},
		differ: func(r, s *Refund, _ bool) []Difference {
			var d differences
			d.amount("amount", r.Amount, s.Amount)
			d.instant("refunded_at", r.RefundedAt, s.RefundedAt)
			return d
		},
	}
}

func refundKey(r *Refund) key { return key{r.UserID, r.PurchaseID, r.RefundID} }

func refundColumns(rows []*Refund) []any {
	n := len(rows)
	userID, purchaseID, refundID := make([]string, n), make([]string, n), make([]string, n)
	amount, refundedAt := make([]int64, n), make([]*time.Time, n)
	for i, r := range rows {
		userID[i], purchaseID[i], refundID[i] = r.UserID, r.PurchaseID, r.RefundID
		amount[i], refundedAt[i] = r.Amount, r.RefundedAt
	}
	return []any{userID, purchaseID, refundID, amount, refundedAt}
}
