package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// absenceGrace is how long a database must be Ready, with caches in sync, before a campaign that is
// declared in it and has no object is closed: a rebuilt cluster applies its databases before its
// campaigns.
const absenceGrace = 10 * time.Minute

// absence distinguishes a campaign whose object was deleted from one whose object is absent. The
// first is closed at once, the second after its database has been Ready for absenceGrace in this
// process.
//
//	object seen by this process, and gone  → deleted: closed, and what it declared is never declared again
//	object never seen by this process      → absent: closed after absenceGrace, and the same object may come back
//
// Each manager starts with an empty absence. Its reconcilers run only once caches are in sync.
type absence struct {
	now func() time.Time

	mu    sync.Mutex
	seen  map[client.ObjectKey]types.UID // campaigns, and the objects that were seen
	ready map[client.ObjectKey]readiness // databases
}

type readiness struct {
	uid   types.UID
	since time.Time
}

func newAbsence(now func() time.Time) *absence {
	return &absence{now: now, seen: map[client.ObjectKey]types.UID{}, ready: map[client.ObjectKey]readiness{}}
}

// saw records that the object of a campaign exists.
func (a *absence) saw(campaign *v1alpha1.ReferralCampaign) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen[client.ObjectKeyFromObject(campaign)] = campaign.UID
}

// wasSeen reports whether this process has seen that object of a campaign.
func (a *absence) wasSeen(campaign client.ObjectKey, uid string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	seen, found := a.seen[campaign]
	return found && seen == types.UID(uid)
}

// forget drops what is known of a campaign whose object is gone and which is closed: there is
// nothing left to do about its absence.
func (a *absence) forget(campaign client.ObjectKey, uid string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seen[campaign] == types.UID(uid) {
		delete(a.seen, campaign)
	}
}

// observe records whether a database can be used. While it cannot, the grace does not run; then it
// begins again.
func (a *absence) observe(adb *v1alpha1.AttributionDatabase, usable bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name := client.ObjectKeyFromObject(adb)
	switch {
	case !usable:
		delete(a.ready, name)
	case a.ready[name].uid != adb.UID:
		a.ready[name] = readiness{uid: adb.UID, since: a.now()}
	}
}

// graceOver reports whether the database has been usable for absenceGrace.
func (a *absence) graceOver(adb *v1alpha1.AttributionDatabase) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	ready, found := a.ready[client.ObjectKeyFromObject(adb)]
	return found && ready.uid == adb.UID && a.now().Sub(ready.since) >= absenceGrace
}
