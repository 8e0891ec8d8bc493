package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// grantInterval is how often the rights of roles are compared with the spec although it has not changed.
const grantInterval = 5 * time.Minute

// grantMemory remembers when the rights of a database's roles were last found in order, since looking takes more queries
// than everything else.
type grantMemory struct {
	mu    sync.Mutex
	found map[types.NamespacedName]grantsFound
}

// granted is what was found in order: the roles of one spec in the database behind one pool.
type granted struct {
	source hosting.Source
	db     *postgres.DB
}

type grantsFound struct {
	what  granted
	until time.Time
}

func newGrantMemory() *grantMemory {
	return &grantMemory{found: map[types.NamespacedName]grantsFound{}}
}

func (m *grantMemory) remember(name types.NamespacedName, what granted) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.found[name] = grantsFound{what: what, until: time.Now().Add(jittered(grantInterval))}
}

func (m *grantMemory) forget(name types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.found, name)
}

func (m *grantMemory) recently(name types.NamespacedName, what granted) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, ok := m.found[name]
	return ok && found.what == what && time.Now().Before(found.until)
}
