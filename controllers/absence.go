package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// absenceGrace is how long a database has to be Ready, with our caches in sync, before a campaign that is declared in it and
// has no object is closed: a rebuilt cluster applies its databases and its campaigns one after the other.
const absenceGrace = 10 * time.Minute

// absence tells a campaign whose object was deleted from one whose object is not there. The first is closed at once, the
// second when its database has been Ready for a while in this process.
//
//	object seen by this process, and gone  → deleted: closed, and what it declared is never declared again
//	object never seen by this process      → absent: closed after absenceGrace, and the same object may come back
//
// It begins anew with each manager. Reconcilers run only once caches are in sync.
type absence struct {
	now func() time.Time

	mu    sync.Mutex
	seen  map[client.ObjectKey]types.UID // objects of campaigns
	ready map[client.ObjectKey]readiness // of databases
}

type readiness struct {
	uid   types.UID
	since time.Time
}

func newAbsence(now func() time.Time) *absence {
	return &absence{now: now, seen: map[client.ObjectKey]types.UID{}, ready: map[client.ObjectKey]readiness{}}
}

// saw notes that the object of a campaign is there.
func (a *absence) saw(campaign *v1alpha1.ReferralCampaign) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen[client.ObjectKeyFromObject(campaign)] = campaign.UID
}

// wasSeen reports whether the object of a campaign that is gone now was there.
func (a *absence) wasSeen(campaign client.ObjectKey, uid string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen[campaign] == types.UID(uid)
}

// observe notes whether a database can be used. Each time that it cannot, the grace begins anew.
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

// graceOver reports whether the database has been usable for so long that absence counts.
func (a *absence) graceOver(adb *v1alpha1.AttributionDatabase) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	ready, found := a.ready[client.ObjectKeyFromObject(adb)]
	return found && ready.uid == adb.UID && a.now().Sub(ready.since) >= absenceGrace
}
