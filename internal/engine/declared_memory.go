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
	errDeclaredTooLarge = fmt.Errorf("the terms of all revisions have more than %d MiB: remove the rows of table revision that no declaration has recorded", declaredPerDatabase>>20)
	errDeclaredInUse    = errors.New("the terms of all databases of this namespace take the memory that is left for them: remove the rows of table revision that no declaration has recorded")
)

// declared is what the configurations of this process have reserved.
var declared = newReservations(func(others int) int { return (declaredPerProcess - others) / 2 })

// declaredMemory is what one configuration has reserved.
type declaredMemory struct {
	tenant   string
	reserved int
}

// hold reserves what a configuration of so many bytes needs.
func (m *declaredMemory) hold(bytes int) error {
	if bytes <= unreservedDeclared+m.reserved {
		return nil
	}
	more := (bytes-unreservedDeclared-m.reserved)/declaredAtOnce*declaredAtOnce + declaredAtOnce
	if !declared.take(m.tenant, more) {
		return errDeclaredInUse
	}
	m.reserved += more
	return nil
}

// release lets other configurations have it. It is called once.
func (m *declaredMemory) release() {
	declared.give(m.tenant, m.reserved)
}
