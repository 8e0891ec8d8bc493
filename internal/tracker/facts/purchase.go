package facts

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Purchase is a fact: a user bought something.
type Purchase struct {
	UserID      string
	PurchaseID  string
	Amount      int64
	Currency    string
	PurchasedAt *time.Time
	Attributes  Attributes
}

// StoredPurchase is a purchase as it is stored. Abridged: it was stored before, and long attributes
// are left out; WholePurchase reads them. Long attributes of a new one are as they were given.
type StoredPurchase struct {
	Purchase
	ArrivedAt time.Time
	Abridged  bool

	largeAttributes bool // more than is read
}

func purchases(sql postgres.Queries) *kind[Purchase, StoredPurchase] {
	return &kind[Purchase, StoredPurchase]{
		name:   "purchase",
		insert: sql.Get("insert_purchase"),
		find:   sql.Get("find_purchase"), abridges: true,
		columns: purchaseColumns,
		key:     func(p *Purchase) key { return key{p.UserID, p.PurchaseID} },
		stored:  func(s *StoredPurchase) key { return key{s.UserID, s.PurchaseID} },
		scan: func(s *StoredPurchase) []any {
			return []any{
				&s.UserID, &s.PurchaseID, &s.Amount, &s.Currency, instant{&s.PurchasedAt}, &s.Attributes, always{&s.ArrivedAt},
				&s.largeAttributes, &s.Abridged,
			}
		},
		differ: func(p *Purchase, s *StoredPurchase, same bool) []Difference {
			var d differences
			d.amount("amount", p.Amount, s.Amount)
			d.text("currency", p.Currency, s.Currency)
			d.instant("purchased_at", p.PurchasedAt, s.PurchasedAt)
			noteLong(&d, "attributes", same, s.largeAttributes, s.Attributes)
			return d
		},
	}
}

// complete adds to a new purchase the long attributes that it was given.
func (s *StoredPurchase) complete(given *Purchase) {
	if s.Abridged {
		s.Attributes, s.Abridged = given.Attributes, false
	}
}

func purchaseColumns(rows []*Purchase) pgx.StrictNamedArgs {
	n := len(rows)
	userID, purchaseID := make([]string, n), make([]string, n)
	amount, currency := make([]int64, n), make([]string, n)
	purchasedAt, attributes := make([]*time.Time, n), make([]string, n)
	for i, p := range rows {
		userID[i], purchaseID[i] = p.UserID, p.PurchaseID
		amount[i], currency[i] = p.Amount, p.Currency
		purchasedAt[i], attributes[i] = p.PurchasedAt, string(p.Attributes)
	}
	return pgx.StrictNamedArgs{
		"user_ids": userID, "purchase_ids": purchaseID, "amounts": amount,
		"currencies": currency, "purchased_at": purchasedAt, "attributes": attributes,
	}
}
