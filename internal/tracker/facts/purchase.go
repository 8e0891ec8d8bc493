package facts

import (
	"time"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Purchase is a fact: a user bought something.
type Purchase struct {
	UserID      string     `json:"user_id" minLength:"1" maxLength:"255" doc:"Who bought: the application's pseudonym. The signup may arrive later."`
	PurchaseID  string     `json:"purchase_id" minLength:"1" maxLength:"255" doc:"The application's order number."`
	Amount      int64      `json:"amount" minimum:"0" example:"2500" doc:"Minor units of the currency, before refunds. 0 is recorded, and never counts (BelowMinimum)."`
	Currency    string     `json:"currency" pattern:"^[A-Z]{3}$" example:"USD" doc:"ISO 4217, three capital letters."`
	PurchasedAt *time.Time `json:"purchased_at,omitempty" doc:"When it was bought; a hold counts from here. Left out: now."`
	Attributes  Attributes `json:"attributes,omitempty" doc:"Anything else about the purchase, for conditions of a policy."`
}

// StoredPurchase is a purchase as it is stored.
type StoredPurchase struct {
	Purchase
	ArrivedAt time.Time `json:"arrived_at" doc:"When it arrived, by the database's clock."`
}

func purchases(sql postgres.Queries) *kind[Purchase, StoredPurchase] {
	return &kind[Purchase, StoredPurchase]{
		name:    "purchase",
		insert:  sql.Get("insert_purchase"),
		find:    sql.Get("find_purchase"),
		columns: purchaseColumns,
		key:     func(p *Purchase) key { return key{p.UserID, p.PurchaseID} },
		stored:  func(s *StoredPurchase) key { return key{s.UserID, s.PurchaseID} },
		scan: func(s *StoredPurchase) []any {
			return []any{&s.UserID, &s.PurchaseID, &s.Amount, &s.Currency, instant{&s.PurchasedAt}, &s.Attributes, always{&s.ArrivedAt}}
		},
		differ: func(p *Purchase, s *StoredPurchase, same bool) []Difference {
			var d differences
			d.amount("amount", p.Amount, s.Amount)
			d.text("currency", p.Currency, s.Currency)
			d.instant("purchased_at", p.PurchasedAt, s.PurchasedAt)
			if !same {
				d.note("attributes", p.Attributes, s.Attributes)
			}
			return d
		},
	}
}

func purchaseColumns(rows []*Purchase) []any {
	n := len(rows)
	userID, purchaseID := make([]string, n), make([]string, n)
	amount, currency := make([]int64, n), make([]string, n)
	purchasedAt, attributes := make([]*time.Time, n), make([]string, n)
	for i, p := range rows {
		userID[i], purchaseID[i] = p.UserID, p.PurchaseID
		amount[i], currency[i] = p.Amount, p.Currency
		purchasedAt[i], attributes[i] = p.PurchasedAt, p.Attributes.text()
	}
	return []any{userID, purchaseID, amount, currency, purchasedAt, attributes}
}
