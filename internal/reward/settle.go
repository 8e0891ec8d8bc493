package reward

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Settle says what to append to the ledger so that under every key the entries
// add up to what is decided: the credits of Granted pairs, and nothing else.
// It compares absolutely, so settling twice appends nothing the second time.
// Sums of purchases without a decision are left as they are.
//
// Entries come by purchase, reward and seq. An error means that some difference
// is no int64; it names the purchase.
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

// account is one key of the ledger: what was entered, and what should be.
type account struct {
	LedgerSum
	desired  int64
	decision *Decision
}

// accountsOf lists the keys that decisions desire something of or that entries
// exist of, each once.
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

// difference is a − b, and whether it can be told.
func difference(a, b int64) (int64, bool) {
	if b < 0 && a > math.MaxInt64+b || b > 0 && a < math.MinInt64+b {
		return 0, false
	}
	return a - b, true
}

// number sorts entries and continues the seqs of each purchase and reward. What
// is taken back is entered before what is given instead.
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
	type line struct{ purchaseID, reward string }
	var last map[line]int
	if len(entries) > 0 && len(sums) > 0 {
		last = make(map[line]int, len(sums))
		for i := range sums {
			of := line{sums[i].PurchaseID, sums[i].Reward}
			last[of] = max(last[of], sums[i].LastSeq)
		}
	}
	for i := range entries {
		e := &entries[i]
		if i > 0 && entries[i-1].PurchaseID == e.PurchaseID && entries[i-1].Reward == e.Reward {
			e.Seq = entries[i-1].Seq + 1
		} else {
			e.Seq = last[line{e.PurchaseID, e.Reward}] + 1
		}
	}
}
