package controllers

import (
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
)

// absenceGrace is how long ago a database must have become Ready, with caches in sync, before a
// campaign that is declared in it and has no object is closed: a rebuilt cluster applies its
// databases before its campaigns.
const absenceGrace = 10 * time.Minute

// mostGone is how many campaigns of one database, whose objects are gone, are remembered: as many
// as a report has. Beyond that, arbitrary ones are forgotten, and count as absent.
const mostGone = 10_000

// absence distinguishes a campaign whose object was deleted from one whose object is absent. The
// first is closed at once, the second absenceGrace after its database became Ready in this process.
//
//	seen by this process, and gone  → deleted: closed, and never declared again by that object
//	replaced in another database    → deleted from the first
//	never seen by this process      → absent: closed after absenceGrace; it may come back
//	refers to another database      → absent, until the schema is given back
//
// The campaign counts as deleted, too, if a second object of its name was deleted before it declared
// anything: the first, which declared the campaign, is gone as well.
//
// Each manager starts with an empty absence. Its reconcilers run only once caches are in sync.
type absence struct {
	now func() time.Time

	mu    sync.Mutex
	seen  map[client.ObjectKey]sighting                       // campaigns
	gone  map[client.ObjectKey]map[client.ObjectKey]types.UID // by database: campaigns that were seen in it, and whose objects are gone
	ready map[client.ObjectKey]readiness                      // databases
}

// sighting is the newest object of a campaign that was seen.
type sighting struct {
	uid      types.UID
	database client.ObjectKey
}

type readiness struct {
	uid   types.UID
	since time.Time
}

func newAbsence(now func() time.Time) *absence {
	return &absence{now: now, seen: map[client.ObjectKey]sighting{}, gone: map[client.ObjectKey]map[client.ObjectKey]types.UID{},
		ready: map[client.ObjectKey]readiness{}}
}

// saw records that the object of a campaign exists. While an earlier object of the name, which
// referred to another database, may still be being declared there, it does nothing; see reconciles.
func (a *absence) saw(campaign *v1alpha1.ReferralCampaign) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key, now := client.ObjectKeyFromObject(campaign), sightingOf(campaign)
	if last, found := a.seen[key]; !found || last.database == now.database {
		a.seen[key] = now
	}
}

// reconciles records that a reconcile of a campaign has begun with this object, so that no reconcile
// declares an earlier one any more: if that referred to another database, it is gone from there.
func (a *absence) reconciles(campaign *v1alpha1.ReferralCampaign) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key, now := client.ObjectKeyFromObject(campaign), sightingOf(campaign)
	if last, found := a.seen[key]; found && last.database != now.database {
		a.recordGone(key, last)
	}
	a.seen[key] = now
}

func sightingOf(campaign *v1alpha1.ReferralCampaign) sighting {
	return sighting{
		uid: campaign.UID, database: client.ObjectKey{Namespace: campaign.Namespace, Name: campaign.Spec.DatabaseRef.Name},
	}
}

// lastSeen returns the UID of the newest object of a campaign that referred to a database and that
// this process has seen; false: it has seen none.
func (a *absence) lastSeen(campaign, database client.ObjectKey) (uid types.UID, seen bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if last, found := a.seen[campaign]; found && last.database == database {
		return last.uid, true
	}
	uid, seen = a.gone[database][campaign]
	return uid, seen
}

// objectGone records that the object of a campaign is gone, and that no reconcile declares it any
// more. It returns the campaign's database; false: the campaign is not known.
func (a *absence) objectGone(campaign client.ObjectKey) (database client.ObjectKey, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	seen, known := a.seen[campaign]
	if !known {
		return client.ObjectKey{}, false
	}
	a.recordGone(campaign, seen)
	return seen.database, true
}

// recordGone records that an object of a campaign is gone; a.mu is locked.
func (a *absence) recordGone(campaign client.ObjectKey, was sighting) {
	if a.gone[was.database] == nil {
		a.gone[was.database] = map[client.ObjectKey]types.UID{}
	}
	for one, uid := range a.gone[was.database] {
		if len(a.gone[was.database]) < mostGone {
			break
		}
		delete(a.gone[was.database], one)
		if a.seen[one].uid == uid {
			delete(a.seen, one)
		}
	}
	a.gone[was.database][campaign] = was.uid
}

// goneFrom returns the campaigns of a database whose objects are gone.
func (a *absence) goneFrom(database client.ObjectKey) map[client.ObjectKey]types.UID {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.gone[database])
}

// forgetUndeclared forgets those of the campaigns in gone that the database does not have, or has
// Closed: there is nothing left to do about their absence. The database was read after goneFrom
// returned gone, so none of them is declared later.
func (a *absence) forgetUndeclared(from client.ObjectKey, gone map[client.ObjectKey]types.UID, declared []database.CampaignStatus) {
	if len(gone) == 0 {
		return
	}
	for i := range declared {
		campaign := client.ObjectKey{Namespace: from.Namespace, Name: declared[i].Name}
		if declared[i].Mode != database.Closed {
			delete(gone, campaign)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for campaign, uid := range gone {
		if a.seen[campaign].uid == uid {
			delete(a.seen, campaign)
		}
		if a.gone[from][campaign] == uid {
			delete(a.gone[from], campaign)
		}
	}
	if len(a.gone[from]) == 0 {
		delete(a.gone, from)
	}
}

// forgetDatabase drops what is known of a database whose object is gone, and of its campaigns.
func (a *absence) forgetDatabase(database client.ObjectKey) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.ready, database)
	delete(a.gone, database)
	maps.DeleteFunc(a.seen, func(_ client.ObjectKey, seen sighting) bool { return seen.database == database })
}

// observe records how a reconcile of a database has ended: ready, if its spec is in force. The grace
// begins when the database becomes ready. It runs while the database can be used, Ready or not, and
// begins again after a time in which it could not.
func (a *absence) observe(adb *v1alpha1.AttributionDatabase, ready, usable bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name := client.ObjectKeyFromObject(adb)
	switch {
	case !usable:
		delete(a.ready, name)
	case ready && a.ready[name].uid != adb.UID:
		a.ready[name] = readiness{uid: adb.UID, since: a.now()}
	}
}

// graceOver reports whether the grace of a database is over.
func (a *absence) graceOver(adb *v1alpha1.AttributionDatabase) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	ready, found := a.ready[client.ObjectKeyFromObject(adb)]
	return found && ready.uid == adb.UID && a.now().Sub(ready.since) >= absenceGrace
}
