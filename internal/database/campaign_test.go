package database_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// fiveDollars are the terms of the product's one sentence.
func fiveDollars(amount int64) reward.Terms {
	return reward.Terms{
		Purchases: reward.FirstPurchase,
		Rewards: []reward.Reward{{
			Name: "inviter", Beneficiary: reward.ToReferrer, Fixed: &reward.Money{Amount: amount, Currency: "USD"},
		}},
	}
}

// inviteFriends identifies the campaign invite-friends as the object with this UID declares it.
func inviteFriends(uid string) database.Campaign {
	return database.Campaign{OwnerUID: shop.UID, Name: "invite-friends", UID: uid}
}

// invite is a campaign as first declared, edited.
func invite(edits ...func(*database.Declaration)) database.Declaration {
	d := database.Declaration{
		Campaign: inviteFriends("c1"), Mode: database.Open,
		StartsAt: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), AttributionWindow: 720 * time.Hour,
		Destination: "https://mysite.test/", Generation: 1,
		Policy: database.Policy{Name: "five-dollars", UID: "p1", Generation: 1}, Scope: "NewPairs",
	}
	withTerms(fiveDollars(500))(&d)
	for _, edit := range edits {
		edit(&d)
	}
	return d
}

func withTerms(terms reward.Terms) func(*database.Declaration) {
	return func(d *database.Declaration) {
		text, err := json.Marshal(terms)
		if err != nil {
			panic(err)
		}
		d.Terms, d.Digest = text, fmt.Sprintf("digest of %s", text)
	}
}

func (w *world) declare(d database.Declaration) database.Declared {
	w.Helper()
	declared, err := database.Declare(w.Context(), w.DB, d)
	testworld.Must(w, err)
	return declared
}

func (w *world) epoch() int64 {
	w.Helper()
	return testworld.Value[int64](w, w, "SELECT epoch FROM referral.meta")
}

func TestDeclare(t *testing.T) {
	w := newWorld(t)
	w.addLink() // it survives anew
	generation := func(d *database.Declaration) { d.Generation++ }
	for name, test := range map[string]struct {
		edit     func(*database.Declaration)
		revision int  // afterwards
		bumps    bool // the epoch
		enqueues bool // the campaign as changed
		writes   bool
		later    func(*database.Declared) // what makes it stale
	}{
		"the same again writes nothing": {
			edit: func(*database.Declaration) {}, revision: 1,
		},
		"the same from a new object adds no revision": {
			edit:     func(d *database.Declaration) { d.UID, d.Policy.UID, d.Policy.Generation = "c2", "p2", 1 },
			revision: 1, writes: true,
		},
		"another mode has signups looked at again": {
			edit: func(d *database.Declaration) { generation(d); d.Mode = database.Suspended }, revision: 1, bumps: true, enqueues: true, writes: true,
		},
		"another start has signups looked at again": {
			edit: func(d *database.Declaration) { generation(d); d.StartsAt = time.Time{} }, revision: 1, bumps: true, enqueues: true, writes: true,
		},
		"another end has signups looked at again": {
			edit:     func(d *database.Declaration) { generation(d); d.EndsAt = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC) },
			revision: 1, bumps: true, enqueues: true, writes: true,
		},
		"another window has signups looked at again": {
			edit: func(d *database.Declaration) { generation(d); d.AttributionWindow++ }, revision: 1, writes: true,
		},
		"a window longer by a microsecond": {
			edit:     func(d *database.Declaration) { generation(d); d.AttributionWindow += time.Microsecond },
			revision: 1, bumps: true, enqueues: true, writes: true,
		},
		"another destination concerns no credit": {
			edit: func(d *database.Declaration) { generation(d); d.Destination = "https://other.test/" }, revision: 1, writes: true,
		},
		"other terms are a revision": {
			edit: func(d *database.Declaration) { d.Policy.Generation++; withTerms(fiveDollars(700))(d) }, revision: 2, bumps: true, writes: true,
		},
		"another policy with the same terms is none": {
			edit: func(d *database.Declaration) {
				generation(d)
				d.Policy = database.Policy{Name: "other", UID: "p9", Generation: 1}
			},
			revision: 1, writes: true,
		},
		"a lower generation of the same object is ignored": {
			edit: func(d *database.Declaration) {
				d.Generation--
				d.Mode = database.Suspended
				withTerms(fiveDollars(700))(d)
			},
			revision: 1, later: func(d *database.Declared) { d.LaterGeneration = 1 },
		},
		"a lower generation of the same policy is ignored": {
			edit:     func(d *database.Declaration) { d.Policy.Generation--; withTerms(fiveDollars(700))(d) },
			revision: 1, later: func(d *database.Declared) { d.LaterPolicyGeneration = 1 },
		},
		"a lower generation of another object is not": {
			edit: func(d *database.Declaration) { d.UID, d.Generation, d.Mode = "c2", 0, database.Suspended }, revision: 1, bumps: true, enqueues: true, writes: true,
		},
		"without terms the campaign's own settings change": {
			edit: func(d *database.Declaration) {
				generation(d)
				d.Mode, d.Policy, d.Terms, d.Digest = database.Suspended, database.Policy{}, nil, ""
			},
			revision: 1, bumps: true, enqueues: true, writes: true,
		},
		"without terms nothing else is an edit": {
			edit: func(d *database.Declaration) { d.Policy, d.Terms, d.Digest = database.Policy{}, nil, "" }, revision: 1,
		},
		"without its policy only the mode changes": {
			edit: func(d *database.Declaration) {
				*d = database.Declaration{Campaign: d.Campaign, Generation: d.Generation, Mode: database.PolicyMissing}
			},
			revision: 1, bumps: true, enqueues: true, writes: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.anew(t)
			first := w.declare(invite())
			if want := (database.Declared{Revision: 1, Digest: invite().Digest, Policy: invite().Policy}); first != want {
				t.Errorf("the first declared %+v, want %+v", first, want)
			}
			if diff := cmp.Diff([]string{"Campaign invite-friends"}, w.changes()); diff != "" {
				t.Errorf("the first enqueued %s", diff)
			}
			before, epoch := testworld.Value[string](t, w, footprint), w.epoch()

			declared := w.declare(invite(test.edit))
			want := database.Declared{Revision: test.revision, Digest: invite().Digest, Policy: invite().Policy, Stale: test.later != nil}
			if test.later != nil {
				test.later(&want)
			} else if edited := invite(test.edit); edited.Terms != nil {
				want.Policy = edited.Policy
			}
			if test.bumps {
				epoch++
			}
			if got := w.epoch(); got != epoch {
				t.Errorf("epoch %d, want %d", got, epoch)
			}
			if test.revision == 2 {
				want.Digest = invite(test.edit).Digest
			}
			if diff := cmp.Diff(want, declared); diff != "" {
				t.Error(diff)
			}
			if wrote := before != testworld.Value[string](t, w, footprint); wrote != test.writes {
				t.Errorf("wrote: %t", wrote)
			}
			if enqueued := len(w.changes()) > 0; enqueued != test.enqueues {
				t.Errorf("enqueued: %t", enqueued)
			}
			if revisions := testworld.Value[int](t, w, "SELECT count(*)::int FROM referral.revision"); revisions != test.revision {
				t.Errorf("%d revisions", revisions)
			}
		})
	}
}

func TestALowerGenerationOfAPolicyFollowedBeforeIsIgnored(t *testing.T) {
	w := newWorld(t)
	follow := func(policy string, policyGeneration, amount, generation int64) database.Declared {
		return w.declare(invite(withTerms(fiveDollars(amount)), func(d *database.Declaration) {
			d.Generation, d.Policy = generation, database.Policy{Name: policy, UID: policy, Generation: policyGeneration}
		}))
	}
	follow("x", 5, 500, 1)
	follow("y", 1, 600, 2)
	follow("z", 9, 700, 3)
	if declared := follow("x", 4, 900, 4); !declared.Stale || declared.Revision != 3 {
		t.Errorf("from a cache that lags behind: %+v", declared)
	}
	if declared := follow("x", 5, 500, 4); declared.Stale || declared.Revision != 4 {
		t.Errorf("its generation of before: %+v", declared)
	}
	follow("y", 2, 600, 5)
	if declared := follow("x", 4, 900, 6); !declared.Stale {
		t.Errorf("from a cache that lags behind again: %+v", declared)
	}
	if declared := follow("x", 6, 900, 6); declared.Stale {
		t.Errorf("a higher generation: %+v", declared)
	}
	if declared := follow("y", 1, 600, 7); !declared.Stale {
		t.Errorf("another policy from a cache that lags behind: %+v", declared)
	}
}

func TestACampaignWithoutItsPolicyKeepsItsDeclaration(t *testing.T) {
	w := newWorld(t)
	w.declare(invite())
	w.declare(database.Declaration{Campaign: inviteFriends("c1"), Generation: 7, Mode: database.PolicyMissing})
	config, err := engine.LoadDeclared(t.Context(), w.DB)
	testworld.Must(t, err)
	got := config.Reward.Campaigns["invite-friends"]
	if got.Mode != reward.PolicyMissing || got.AttributionWindow != 720*time.Hour || len(got.Revisions) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestACampaignThatNeverHadAPolicyIsNotDeclared(t *testing.T) {
	w := newWorld(t)
	before := testworld.Value[string](t, w, footprint)
	declared := w.declare(database.Declaration{Campaign: database.Campaign{OwnerUID: shop.UID, Name: "x", UID: "c"}, Generation: 1, Mode: database.PolicyMissing})
	if declared.Revision != 0 || declared.Digest != "" || before != testworld.Value[string](t, w, footprint) {
		t.Errorf("%+v, or something was written", declared)
	}
}

func TestTermsOfAnEarlierRevisionBecomeANewRevision(t *testing.T) {
	w := newWorld(t)
	w.declare(invite())
	w.declare(invite(withTerms(fiveDollars(700))))
	if declared := w.declare(invite()); declared.Revision != 3 {
		t.Errorf("revision %d", declared.Revision)
	}
}

func TestConcurrentDeclarationsRecordOneRevision(t *testing.T) {
	w := newWorld(t)
	const replicas = 8
	epoch := w.epoch()
	revisions := make(chan int, replicas)
	for range replicas {
		go func() {
			declared, err := database.Declare(t.Context(), w.DB, invite())
			if err != nil {
				t.Error(err)
			}
			revisions <- declared.Revision
		}()
	}
	for range replicas {
		if revision := <-revisions; revision != 1 {
			t.Errorf("revision %d", revision)
		}
	}
	if n := testworld.Value[int](t, w, "SELECT count(*)::int FROM referral.revision"); n != 1 {
		t.Errorf("%d revisions", n)
	}
	if now := w.epoch(); now != epoch+1 {
		t.Errorf("the epoch went from %d to %d", epoch, now)
	}
}

// A batch ends by reading the epoch FOR SHARE: Declare must wait for one that
// has, and one that has not must see the new epoch.
func TestNoBatchCommitsUnderAnEarlierDeclaration(t *testing.T) {
	w := newWorld(t)
	w.declare(invite())
	first := w.epoch()
	const last = "SELECT epoch FROM referral.meta FOR SHARE"
	committing, err := w.Begin(t.Context())
	testworld.Must(t, err)
	testworld.Must(t, committing.QueryRow(t.Context(), last).Scan(new(int64)))

	declared := make(chan error, 1)
	go func() {
		_, err := database.Declare(t.Context(), w.DB, invite(withTerms(fiveDollars(700))))
		declared <- err
	}()
	admin := testworld.Pool(t, w.own.AdminURI)
	eventually(t, "Declare waits", func() bool {
		return testworld.Value[int](t, admin, "SELECT count(*)::int FROM pg_locks WHERE NOT granted") > 0
	})
	later := make(chan int64, 1)
	go func() {
		var epoch int64
		if err := w.QueryRow(t.Context(), last).Scan(&epoch); err != nil {
			t.Error(err)
		}
		later <- epoch
	}()
	before := testworld.Value[time.Time](t, w, "SELECT clock_timestamp()")
	testworld.Must(t, committing.Commit(t.Context()))
	testworld.Must(t, <-declared)
	if recorded := testworld.Value[time.Time](t, w, "SELECT recorded_at FROM referral.revision WHERE revision = 2"); !recorded.After(before) {
		t.Errorf("recorded at %v, while a batch under the first revision was committing at %v", recorded, before)
	}
	if epoch := <-later; epoch < first {
		t.Errorf("epoch %d", epoch)
	}
	if epoch := w.epoch(); epoch != first+1 {
		t.Errorf("epoch %d", epoch)
	}
}

func TestOnlyTheOwnerDeclares(t *testing.T) {
	w := newWorld(t)
	stranger := func(d *database.Declaration) { d.OwnerUID = "stranger" }
	for name, do := range map[string]func(w *world) error{
		"a campaign": func(w *world) error {
			_, err := database.Declare(w.Context(), w.DB, invite(stranger))
			return err
		},
		"a campaign that is there already": func(w *world) error {
			w.declare(invite())
			w.changes()
			_, err := database.Declare(w.Context(), w.DB, invite(stranger, func(d *database.Declaration) { d.Mode = database.Suspended }))
			return err
		},
		"a campaign closed": func(w *world) error {
			_, err := database.CloseCampaign(w.Context(), w.DB, database.Campaign{OwnerUID: "stranger", Name: "invite-friends", UID: "c1"})
			return err
		},
		"attribution": func(w *world) error {
			return database.SetAttribution(w.Context(), w.DB, "stranger", 1, database.FirstTouch)
		},
		"suspension": func(w *world) error {
			return database.SetSuspended(w.Context(), w.DB, "stranger", 1, true)
		},
		"what is so already, after giving up": func(w *world) error {
			w.declare(invite())
			w.changes()
			testworld.Must(w, database.Release(w.Context(), w.DB, shop))
			_, err := database.Declare(w.Context(), w.DB, invite())
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.anew(t)
			err := do(w)
			var other *database.ErrOwnedByAnother
			if !errors.As(err, &other) || other.Owner.Identity != shop {
				t.Errorf("got %v", err)
			}
			if enqueued := w.changes(); len(enqueued) > 0 {
				t.Errorf("enqueued %v", enqueued)
			}
		})
	}
}

// A campaign is enqueued only if a row leads from it to a signup.
func TestDeclareEnqueuesACampaignThatReachesSignups(t *testing.T) {
	const link = "INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('abc', $1, 'r1')"
	const own, other = "invite-friends", "other"
	for name, test := range map[string]struct{ reached, campaign string }{
		"a link":                           {link, own},
		"a deferred referee":               {"INSERT INTO referral.deferred (campaign, user_id) VALUES ($1, 'u1')", own},
		"an attribution of a forgotten id": {"INSERT INTO referral.attribution (user_id, campaign, code, referrer_id, touched_at, source) VALUES ('u1', $1, 'abc', 'r1', now(), 'Touch')", own},
		"only a link of another campaign":  {link, other},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			testworld.Exec(t, w, test.reached, test.campaign)
			w.changes()
			w.declare(invite())
			var want []string
			if test.campaign == own {
				want = []string{"Campaign invite-friends"}
			}
			if diff := cmp.Diff(want, w.changes(), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCloseCampaign(t *testing.T) {
	w := newWorld(t)
	w.addLink()
	w.declare(invite())
	w.changes()
	closing := func(uid string) {
		if _, err := database.CloseCampaign(t.Context(), w.DB, inviteFriends(uid)); err != nil {
			t.Fatal(err)
		}
	}
	mode := func() string { return testworld.Value[string](t, w, "SELECT mode FROM referral.campaign") }

	closing("an object before it")
	if mode() != "Open" {
		t.Error("closed for an object that did not declare it last")
	}
	epoch := w.epoch()
	closing("c1")
	if mode() != "Closed" || w.epoch() != epoch+1 {
		t.Errorf("mode %s, epoch %d after %d", mode(), w.epoch(), epoch)
	}
	if diff := cmp.Diff([]string{"Campaign invite-friends"}, w.changes()); diff != "" {
		t.Error(diff)
	}
	before := testworld.Value[string](t, w, footprint)
	closing("c1")
	if _, err := database.CloseCampaign(t.Context(), w.DB, database.Campaign{OwnerUID: shop.UID, Name: "never-declared", UID: "c1"}); err != nil {
		t.Fatal(err)
	}
	if before != testworld.Value[string](t, w, footprint) {
		t.Error("closing what is closed wrote something")
	}
	if declared := w.declare(invite(func(d *database.Declaration) { d.UID = "c2" })); declared.Revision != 1 || mode() != "Open" {
		t.Errorf("declared again: %+v, %s", declared, mode())
	}
}

func TestSettings(t *testing.T) {
	w := newWorld(t)
	w.declare(invite())
	w.declare(invite(func(d *database.Declaration) { d.Name = "share-item" }))
	w.changes()
	for name, test := range map[string]struct {
		set   func() error
		notes []string
	}{
		"attribution": {
			set: func() error {
				return database.SetAttribution(t.Context(), w.DB, shop.UID, 1, database.FirstTouch)
			},
			notes: []string{"Campaign invite-friends", "Campaign share-item"},
		},
		"suspended": {set: func() error { return database.SetSuspended(t.Context(), w.DB, shop.UID, 1, true) }, notes: []string{}},
	} {
		before := w.epoch()
		testworld.Must(t, test.set())
		if epoch := w.epoch(); epoch != before+1 {
			t.Errorf("%s: epoch %d after %d", name, epoch, before)
		}
		if diff := cmp.Diff(test.notes, w.changes()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		written := testworld.Value[string](t, w, footprint)
		testworld.Must(t, test.set())
		if written != testworld.Value[string](t, w, footprint) {
			t.Errorf("%s: the same again wrote something", name)
		}
	}
	config, err := engine.LoadDeclared(t.Context(), w.DB)
	testworld.Must(t, err)
	if !config.Suspended || config.Reward.Attribution != reward.FirstTouch {
		t.Errorf("%+v", config)
	}
}

// isStale reports whether an error says that generation 2 is in force.
func isStale(err error) bool {
	stale, ok := errors.AsType[*database.ErrStale](err)
	return ok && stale.InForce == 2
}

func TestSettingsOfAnEarlierGenerationAreIgnored(t *testing.T) {
	w := newWorld(t)
	testworld.Must(t, database.SetSuspended(t.Context(), w.DB, shop.UID, 2, true))
	const settings = "SELECT m::text FROM referral.meta AS m"
	before := testworld.Value[string](t, w, settings)
	if err := database.SetSuspended(t.Context(), w.DB, shop.UID, 1, false); !isStale(err) {
		t.Errorf("from a cache that lags behind: %v", err)
	}
	if diff := cmp.Diff(before, testworld.Value[string](t, w, settings)); diff != "" {
		t.Error(diff)
	}
	if err := database.SetTouchRetention(t.Context(), w.DB, shop.UID, 1, time.Hour); !isStale(err) {
		t.Errorf("retention: %v", err)
	}
	if err := database.GrantRoles(t.Context(), w.DB, shop.UID, 1, database.Roles{}); !isStale(err) {
		t.Errorf("roles: %v", err)
	}
	if err := database.RecordGeneration(t.Context(), w.DB, shop.UID, 1); !isStale(err) {
		t.Errorf("nothing but the generation: %v", err)
	}
	testworld.Must(t, database.RecordGeneration(t.Context(), w.DB, shop.UID, 3))
	if err := database.SetSuspended(t.Context(), w.DB, shop.UID, 2, false); err == nil {
		t.Error("a setting of a generation below one that was recorded is in force")
	}
	testworld.Must(t, database.SetSuspended(t.Context(), w.DB, shop.UID, 3, false))

	// Another object counts its generations from 1 again.
	another := database.Identity{Installation: shop.Installation, Name: shop.Name, UID: "another"}
	_, err := database.Claim(t.Context(), w.DB, another, shop.UID)
	testworld.Must(t, err)
	testworld.Must(t, database.SetSuspended(t.Context(), w.DB, another.UID, 1, true))
}

// An annotation that suspends raises no generation, so a cache that lacks it has the same one.
func TestCachedDeclarationDoesNotResumeWhatItsGenerationHasSuspended(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		edit func(*database.Declaration)
		want database.Mode
	}{
		"the same generation": {edit: func(d *database.Declaration) { d.Cached = true }, want: database.Suspended},
		"the same generation without its policy": {
			edit: func(d *database.Declaration) {
				*d = database.Declaration{Campaign: d.Campaign, Generation: d.Generation, Mode: database.PolicyMissing, Cached: true}
			},
			want: database.Suspended,
		},
		"the same generation, of no cache": {edit: func(*database.Declaration) {}, want: database.Open},
		"a later generation":               {edit: func(d *database.Declaration) { d.Cached, d.Generation = true, 2 }, want: database.Open},
		"another object":                   {edit: func(d *database.Declaration) { d.Cached, d.UID = true, "c2" }, want: database.Open},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.anew(t)
			suspended := invite(func(d *database.Declaration) { d.Mode, d.Cached = database.Suspended, true })
			w.declare(suspended)
			before := testworld.Value[string](t, w, footprint)
			declared := w.declare(invite(test.edit))
			if mode := w.mode(); mode != test.want || declared.Resumes != (test.want == database.Suspended) {
				t.Errorf("the campaign is %s, declared %+v", mode, declared)
			}
			if declared.Resumes && before != testworld.Value[string](t, w, footprint) {
				t.Error("what is ignored wrote something")
			}
			if again := w.declare(suspended); again.Resumes {
				t.Errorf("suspended again: %+v", again)
			}
		})
	}
}
