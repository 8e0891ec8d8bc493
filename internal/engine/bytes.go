package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// A batch is bounded by the memory that it holds, not by its number of rows: a row may have a
// thousand bytes of attributes, and a referee a thousand rows.
//
// Two workers with a full batch each stay, together with the rest of the manager, below the 44 MiB
// that the manager's heap is kept at. A referee that is larger than a batch is decided alone, one
// at a time in the whole process. A referee larger than bytesPerReferee is set aside.
const (
	bytesPerBatch   = 16 << 20
	bytesPerReferee = 64 << 20

	// Measured: memory of a row beside its values until its batch is recorded, and memory of the
	// decision about a pair with all that it writes: beside its credits and the tiers of its need, of
	// each credit, and of each tier.
	bytesPerRow      = 512
	bytesPerDecision = 1024
	bytesPerCredit   = 512
	bytesPerTierNeed = 48

	// The measure of a decision and its credits includes so many bytes of texts. Of what a row has
	// beyond it, encoding takes several copies at a time.
	textsPerDecision = 128
	copiesOfText     = 4

	// bytesPerText is the memory of a text of an array beside its characters. In a row an empty text
	// takes a quarter of it.
	bytesPerText = 16
)

var (
	// errBatchTooLarge: the batch is to be split.
	errBatchTooLarge = fmt.Errorf("the facts and results of the batch are more than %d MiB", bytesPerBatch>>20)
	// errRefereeTooLarge: there is nothing left to split.
	errRefereeTooLarge = fmt.Errorf("the facts and results of the referee are more than %d MiB: it has too many purchases to be decided", bytesPerReferee>>20)
	// ErrTooMuchKnown is returned when LoadKnown may not read that much.
	ErrTooMuchKnown = errors.New("the facts and results of the user are too many")
	// errMemoryInUse: other batches are running.
	errMemoryInUse = errors.New("other batches of this process hold the memory for large ones")
)

// checkBytes returns an error when the batch holds more than it may, by itself or together with the
// other batches of the process.
func (b *batch) checkBytes() error {
	switch {
	case b.mostKnown > 0 && b.bytes > b.mostKnown:
		return ErrTooMuchKnown
	case b.mostKnown > 0, b.bytes <= b.reserved, b.large && b.bytes <= bytesPerReferee:
		return nil
	case b.bytes <= bytesPerBatch:
		return b.reserve()
	case len(b.referees) > 1:
		return errBatchTooLarge
	case b.bytes > bytesPerReferee:
		return errRefereeTooLarge
	case !large.begin(b.tenant(), time.Now()):
		return errMemoryInUse
	}
	b.large = true
	return nil
}

// reserve takes memory of the process for the bytes of the batch. If there is none a batch of
// several changes is made smaller, since a small one needs no reservation, and any other waits.
func (b *batch) reserve() error {
	more := (b.bytes-b.reserved)/reservedAtOnce*reservedAtOnce + reservedAtOnce
	switch {
	case batchMemory.Reserve(b.tenant(), more):
		b.reserved += more
		return nil
	case b.turn.size > 1 && b.turn.suspect == "" && len(b.referees) > 1:
		return errBatchTooLarge
	default:
		return errMemoryInUse
	}
}

// addDecision adds a decision to the batch's bytes, before the next one is made. Its texts are written
// with the pair, with each credit and with the ledger entry of each credit.
func (b *batch) addDecision(size reward.DecisionSize) error {
	texts := max(0, size.Texts-textsPerDecision) * copiesOfText * (1 + 2*size.Credits)
	b.bytes += bytesPerDecision + bytesPerCredit*size.Credits + bytesPerTierNeed*size.Tiers + texts
	return b.checkBytes()
}

// releaseMemory lets other batches have the memory that the batch has reserved.
func (b *batch) releaseMemory() {
	batchMemory.Release(b.tenant(), b.reserved-unreservedBytes)
	b.reserved = unreservedBytes
	if b.large {
		large.end(b.tenant(), time.Now())
		b.large = false
	}
}

func (b *batch) tenant() string { return b.engine.options.Tenant }
