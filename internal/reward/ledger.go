package reward

// LedgerKey is the key by which the ledger is compared: the entries of each key must add up to the
// desired credit.
type LedgerKey struct {
	PurchaseID    string
	Reward        string
	Campaign      string
	BeneficiaryID string
	Currency      string
}

// LedgerSum is the sum of the entries of one key.
type LedgerSum struct {
	LedgerKey
	Sum     int64 // minor units
	LastSeq int   // of the newest entry
}

// Entry is one row to append to the ledger.
type Entry struct {
	LedgerKey
	Seq      int // one more than the newest of the same purchase and reward
	Revision int
	Amount   int64 // minor units; above zero for a Grant, below zero for a Reversal
	Kind     EntryKind
	Reason   Reason
}

// EntryKind says whether an entry gives or takes back credit.
type EntryKind string

const (
	Grant    EntryKind = "Grant"
	Reversal EntryKind = "Reversal"
)
