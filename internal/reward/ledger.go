package reward

// LedgerKey is what the ledger is compared by: each such sum must come to what
// is desired.
type LedgerKey struct {
	PurchaseID    string
	Reward        string
	Campaign      string
	BeneficiaryID string
	Currency      string
}

// LedgerSum is what was entered so far under one key.
type LedgerSum struct {
	LedgerKey
	Sum     int64 // minor units
	LastSeq int   // of the newest entry
}

// Entry is one line to append to the ledger.
type Entry struct {
	LedgerKey
	Seq      int // one more than the newest of the same purchase and reward
	Revision int
	Amount   int64 // minor units; above zero gives, below zero takes back
	Kind     EntryKind
	Reason   Reason
}

// EntryKind tells giving from taking back.
type EntryKind string

const (
	Grant    EntryKind = "Grant"
	Reversal EntryKind = "Reversal"
)
