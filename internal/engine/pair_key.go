package engine

import "cmp"

// PairKey identifies a pair, and the credits and ledger entries of that pair.
type PairKey struct{ UserID, PurchaseID string }

func (k PairKey) String() string { return k.UserID + "/" + k.PurchaseID }

// compare orders keys by their bytes.
func (k PairKey) compare(other PairKey) int {
	return cmp.Or(cmp.Compare(k.UserID, other.UserID), cmp.Compare(k.PurchaseID, other.PurchaseID))
}
