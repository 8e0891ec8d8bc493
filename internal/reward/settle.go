package reward

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Settle returns the entries to append to the ledger so that the sum of every key equals its
// desired credit: the credits of Granted pairs, and 0 for every other key. It compares absolutely,
// so settling twice appends nothing the second time. Sums of purchases without a decision stay.
//
// Entries are sorted by purchase, reward and seq. An error names the purchase whose difference is
// out of the range of int64.
func Settle(decisions []Decision, sums []LedgerSum) ([]Entry, error) {
	accounts := accountsOf(decisions, sums)
	var entries []Entry
	for i := range accounts {
		a := &accounts[i]
		amount, ok := difference(a.desired, a.Sum)
		if !ok {
			return nil, fmt.Errorf("while settling purchase %q: the ledger says %d for reward %q of %q, too far from the %d decided",
				a.PurchaseID, a.Sum, a.Reward, a.BeneficiaryID, a.desired)
		}
		if amount == 0 {
			continue
		}
		entry := Entry{LedgerKey: a.LedgerKey, Revision: a.decision.Revision, Amount: amount, Kind: Grant, Reason: a.decision.Reason}
		if amount < 0 {
			entry.Kind = Reversal
		}
		entries = append(entries, entry)
	}
	number(entries, sums)
	return entries, nil
}

// account is one key of the ledger with its sum and its desired credit.
type account struct {
	LedgerSum
	desired  int64
	decision *Decision
}

// accountsOf returns the keys that have a desired credit or entries, each once.
func accountsOf(decisions []Decision, sums []LedgerSum) []account {
	var accounts []account
	for i := range decisions {
		decision := &decisions[i]
		if decision.State == Granted {
			for _, credit := range decision.Credits {
				accounts = append(accounts, account{
					LedgerSum: LedgerSum{LedgerKey: keyOf(decision, credit)},
					desired:   credit.Amount,
					decision:  decision,
				})
			}
		}
	}
	if len(sums) == 0 {
		return accounts
	}
	desired := make(map[LedgerKey]int, len(accounts))
	for i := range accounts {
		desired[accounts[i].LedgerKey] = i
	}
	decided := make(map[string]*Decision, len(decisions))
	for i := range decisions {
		decided[decisions[i].PurchaseID] = &decisions[i]
	}
	for _, sum := range sums {
		if i, found := desired[sum.LedgerKey]; found {
			accounts[i].LedgerSum = sum
		} else if decision := decided[sum.PurchaseID]; decision != nil {
			accounts = append(accounts, account{LedgerSum: sum, decision: decision})
		}
	}
	return accounts
}

func keyOf(decision *Decision, credit Credit) LedgerKey {
	return LedgerKey{
		PurchaseID:    decision.PurchaseID,
		Reward:        credit.Reward,
		Campaign:      decision.Campaign,
		BeneficiaryID: credit.BeneficiaryID,
		Currency:      credit.Currency,
	}
}

// difference returns a − b, and whether it is in the range of int64.
func difference(a, b int64) (int64, bool) {
	if b < 0 && a > math.MaxInt64+b || b > 0 && a < math.MinInt64+b {
		return 0, false
	}
	return a - b, true
}

// number sorts entries and continues the seqs of each purchase and reward. Reversals come before
// grants.
func number(entries []Entry, sums []LedgerSum) {
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(
			cmp.Compare(a.PurchaseID, b.PurchaseID),
			cmp.Compare(a.Reward, b.Reward),
			-cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Campaign, b.Campaign),
			cmp.Compare(a.BeneficiaryID, b.BeneficiaryID),
			cmp.Compare(a.Currency, b.Currency),
		)
	})
	type series struct{ purchaseID, reward string }
	var last map[series]int
	if len(entries) > 0 && len(sums) > 0 {
		last = make(map[series]int, len(sums))
		for i := range sums {
			of := series{sums[i].PurchaseID, sums[i].Reward}
			last[of] = max(last[of], sums[i].LastSeq)
		}
	}
	for i := range entries {
		e := &entries[i]
		if i > 0 && entries[i-1].PurchaseID == e.PurchaseID && entries[i-1].Reward == e.Reward {
			e.Seq = entries[i-1].Seq + 1
		} else {
			e.Seq = last[series{e.PurchaseID, e.Reward}] + 1
		}
	}
}
