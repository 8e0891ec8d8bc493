package facts

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Refund is a fact: part or all of a purchase was given back.
type Refund struct {
	UserID     string
	PurchaseID string
	RefundID   string
	Amount     int64
	RefundedAt *time.Time
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

func refundColumns(rows []*Refund) pgx.StrictNamedArgs {
	n := len(rows)
	userID, purchaseID, refundID := make([]string, n), make([]string, n), make([]string, n)
	amount, refundedAt := make([]int64, n), make([]*time.Time, n)
	for i, r := range rows {
		userID[i], purchaseID[i], refundID[i] = r.UserID, r.PurchaseID, r.RefundID
		amount[i], refundedAt[i] = r.Amount, r.RefundedAt
	}
	return pgx.StrictNamedArgs{
		"user_ids": userID, "purchase_ids": purchaseID, "refund_ids": refundID,
		"amounts": amount, "refunded_at": refundedAt,
	}
}
