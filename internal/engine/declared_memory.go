package engine

import (
	"errors"
	"fmt"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/quota"
)

// An engine keeps what is declared for as long as it runs, and a tenant has as many databases as it
// likes. So the configurations of all engines are bounded together. A tenant can reserve half of
// what the others leave, so that there is always something left for the next one.
const (
	declaredPerProcess  = 64 << 20
	declaredPerDatabase = database.RevisionsBytes
)

// declaredMemory is what the configurations of this process have reserved. While an engine loads
// the next configuration, both are in memory, but only the larger one is reserved: an edit that
// needs no more memory is never refused.
var declaredMemory = quota.New(func(others int) int { return (declaredPerProcess - others) / 2 })

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
