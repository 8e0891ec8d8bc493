package engine

import (
	"errors"
	"fmt"

	"github.com/referral-operator/referral-operator/internal/database"
)

// An engine keeps what is declared for as long as it runs, and a tenant has as many databases as it
// likes. So the configurations of all engines are bounded together: each may have a little without
// asking, as much as hundreds of revisions take; beyond that it reserves. A tenant can reserve half
// of what the others leave, so that there is always something left for the next one.
const (
	unreservedDeclared  = 128 << 10
	declaredAtOnce      = 128 << 10
	declaredPerProcess  = 64 << 20
	declaredPerDatabase = database.RevisionsBytes
)

// Memory of a part of a configuration beside its texts.
const (
	bytesPerCampaign = 512
	bytesPerRevision = 512
	bytesPerReward   = 128
	bytesPerTier     = 32
	bytesPerAmount   = 64
)

var (
	errDeclaredTooLarge = fmt.Errorf("the campaigns and revisions have more than %d MiB: remove the rows of table revision that no declaration has recorded", declaredPerDatabase>>20)
	errDeclaredInUse    = errors.New("the campaigns and revisions of all databases of this namespace take the memory that other namespaces leave for them: use fewer databases in one namespace, or remove the rows of table revision that no declaration has recorded")
)

// declared is what the configurations of this process have reserved.
var declared = newReservations(func(others int) int { return (declaredPerProcess - others) / 2 })

// declaredMemory is what an engine has reserved for its configuration. While it loads the next one,
// which may need no more than the present one, it has both in memory.
type declaredMemory struct {
	tenant   string
	reserved int
}

// reserve makes sure that a configuration of so many bytes has what it needs.
func (m *declaredMemory) reserve(bytes int) error {
	more := reservationFor(bytes) - m.reserved
	if more <= 0 {
		return nil
	}
	if !declared.take(m.tenant, more) {
		return errDeclaredInUse
	}
	m.reserved += more
	return nil
}

// shrink gives back what a configuration of so many bytes does not need.
func (m *declaredMemory) shrink(bytes int) {
	if less := m.reserved - reservationFor(bytes); less > 0 {
		declared.give(m.tenant, less)
		m.reserved -= less
	}
}

// reservationFor returns how much a configuration of so many bytes has to reserve.
func reservationFor(bytes int) int {
	if bytes <= unreservedDeclared {
		return 0
	}
	return (bytes-unreservedDeclared)/declaredAtOnce*declaredAtOnce + declaredAtOnce
}
