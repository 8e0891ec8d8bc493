package database_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

var bigInts = cmp.Comparer(func(a, b *big.Int) bool { return a.Cmp(b) == 0 })

func TestReadStatusOfAnEmptySchema(t *testing.T) {
	w := newWorld(t)
	status, err := database.ReadStatus(t.Context(), w.DB)
	testworld.Must(t, err)
	want := database.Status{
		ServerVersion: status.ServerVersion, Versions: database.Known(),
		Attribution: database.LastTouch, Owner: database.Owner{Identity: shop, HeartbeatAt: status.Owner.HeartbeatAt},
		Bytes: len(database.LastTouch),
	}
	if diff := cmp.Diff(want, status); diff != "" {
		t.Error(diff)
	}
	if status.Owner.HeartbeatAt.IsZero() || !strings.HasPrefix(testworld.Value[string](t, w, "SHOW server_version"), status.ServerVersion) || strings.Contains(status.ServerVersion, " ") {
		t.Errorf("heartbeat %v, server %q", status.Owner.HeartbeatAt, status.ServerVersion)
	}
	testworld.Exec(t, w, "DELETE FROM referral.owner")
	status, err = database.ReadStatus(t.Context(), w.DB)
	testworld.Must(t, err)
	if status.Owner != (database.Owner{}) {
		t.Errorf("owned by %+v", status.Owner)
	}
}

func TestReadStatusAddsUp(t *testing.T) {
	w := newWorld(t)
	w.declare(invite())
	w.declare(invite(withTerms(fiveDollars(700))))
	w.declare(invite(func(d *database.Declaration) { d.Name, d.UID, d.Mode = "share-item", "c2", database.Suspended }))
	w.changes()
	testworld.Exec(t, w, `
		INSERT INTO referral.pair_count (campaign, shard, awaiting_purchase, waiting, held, granted, reversed, changed_at)
		VALUES ('invite-friends', 0, 1, 2, 3, 4, 5, '2026-01-01Z'), ('invite-friends', 7, -1, 20, 30, 40, 50, '2026-01-02Z'), ('gone', 0, 9, 9, 9, 9, 9, now());
		INSERT INTO referral.credit_count (campaign, shard, currency, granted, held, reversed)
		VALUES ('invite-friends', 0, 'USD', 9223372036854775807, 1, 2), ('invite-friends', 1, 'USD', 9223372036854775807, 10, 20),
		       ('invite-friends', 1, 'EUR', -5, 0, 5), ('gone', 1, 'EUR', 9, 9, 9);
		INSERT INTO referral.set_aside (user_id, cause) VALUES ('u', 'x'), ('v', 'x');
		UPDATE referral.campaign SET declared_at = '2026-01-03Z'`)
	// The shard that comes last holds the oldest change.
	testworld.Exec(t, w, `INSERT INTO referral.change (shard, kind, key, enqueued_at) SELECT 3, 'Referee', 'u' || n, '2026-02-01Z' FROM generate_series(1, 3) AS n`)
	testworld.Exec(t, w, `INSERT INTO referral.change (shard, kind, key, enqueued_at) SELECT max(shard), 'Referee', 'w', '2026-01-31Z'::timestamptz FROM referral.shard`)
	testworld.Exec(t, w, `INSERT INTO referral.change (shard, kind, key, enqueued_at) SELECT max(shard), 'Referee', 'x', '2026-03-01Z'::timestamptz FROM referral.shard`)

	status, err := database.ReadStatus(t.Context(), w.DB)
	testworld.Must(t, err)
	if status.PendingChanges != 5 || status.SetAside != 2 || !status.OldestPendingChange.Equal(time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%d pending since %v, %d set aside", status.PendingChanges, status.OldestPendingChange, status.SetAside)
	}
	declared := time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)
	sum, _ := new(big.Int).SetString("18446744073709551614", 10)
	want := []database.CampaignStatus{
		{
			Name: "invite-friends", Mode: database.Open, UID: "c1", Policy: "five-dollars", Revision: 2, Digest: invite(withTerms(fiveDollars(700))).Digest,
			AwaitingPurchase: 0, Waiting: 22, Held: 33, Granted: 44, Reversed: 55, ChangedAt: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), DeclaredAt: declared,
			Credits: []database.CreditStatus{
				{Currency: "EUR", Granted: big.NewInt(-5), Held: big.NewInt(0), Reversed: big.NewInt(5)},
				{Currency: "USD", Granted: sum, Held: big.NewInt(11), Reversed: big.NewInt(22)},
			},
		},
		{Name: "share-item", Mode: database.Suspended, UID: "c2", Policy: "five-dollars", Revision: 1, Digest: invite().Digest, DeclaredAt: declared},
	}
	if diff := cmp.Diff(want, status.Campaigns, bigInts, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

// A database's clock may have been set back since a resync ended.
func TestResyncThatEndedInTheFutureIsReportedAsSuch(t *testing.T) {
	w := newWorld(t)
	w.declare(invite())
	for ended, inFuture := range map[string]bool{"now() + interval '1 year'": true, "now() - interval '1 year'": false, "NULL": false} {
		testworld.Exec(t, w, "INSERT INTO referral.resync_campaign (campaign, ended_at) VALUES ('invite-friends', "+ended+`)
			ON CONFLICT (campaign) DO UPDATE SET ended_at = excluded.ended_at`)
		status, err := database.ReadStatus(t.Context(), w.DB)
		testworld.Must(t, err)
		if got := status.Campaigns[0].Resync; got.InFuture != inFuture || got.EndedAt.IsZero() != (ended == "NULL") {
			t.Errorf("ended at %s: %+v", ended, got)
		}
	}
}

func TestOldestChangeIsFoundInAnyShard(t *testing.T) {
	w := newWorld(t)
	testworld.Exec(t, w, "INSERT INTO referral.shard SELECT generate_series(count(*), 63) FROM referral.shard")
	testworld.Exec(t, w, "INSERT INTO referral.change (shard, kind, key, enqueued_at) SELECT shard, 'Referee', 'u', '2026-02-01Z' FROM referral.shard")
	testworld.Exec(t, w, "INSERT INTO referral.change (shard, kind, key, enqueued_at) SELECT 63, 'Referee', 'v', '2026-01-31Z'")
	testworld.Exec(t, w, "DELETE FROM referral.change WHERE (shard, key) = (63, 'u')")
	status, err := database.ReadStatus(t.Context(), w.DB)
	testworld.Must(t, err)
	if want := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC); !status.OldestPendingChange.Equal(want) {
		t.Errorf("oldest change of %v, want %v", status.OldestPendingChange, want)
	}
}

func TestPendingChangesAreCountedToALimit(t *testing.T) {
	w := newWorld(t)
	testworld.Exec(t, w, "INSERT INTO referral.change (shard, kind, key) SELECT 0, 'Referee', n FROM generate_series(1, $1::int + 500) AS n", database.PendingLimit)
	status, err := database.ReadStatus(t.Context(), w.DB)
	testworld.Must(t, err)
	if status.PendingChanges != database.PendingLimit {
		t.Errorf("%d", status.PendingChanges)
	}
}

// The owner of a database can drop any constraint of it.
func TestNullInTheConfigurationIsAnError(t *testing.T) {
	w := newWorld(t)
	w.declare(invite())
	for _, column := range []string{"campaign.mode", "campaign.attribution_window", "campaign.edit", "revision.scope", "revision.recorded_at", "revision.terms"} {
		t.Run(column, func(t *testing.T) {
			table, name, _ := strings.Cut(column, ".")
			testworld.Exec(t, w, "ALTER TABLE referral."+table+" ALTER COLUMN "+name+" DROP NOT NULL")
			before := testworld.Value[string](t, w, "SELECT min("+name+"::text) FROM referral."+table)
			testworld.Exec(t, w, "UPDATE referral."+table+" SET "+name+" = NULL")
			if _, err := engine.LoadDeclared(t.Context(), w.DB); err == nil {
				t.Error("accepted")
			}
			testworld.Exec(t, w, "UPDATE referral."+table+" SET "+name+" = '"+before+"'")
		})
	}
	if _, err := engine.LoadDeclared(t.Context(), w.DB); err != nil {
		t.Error(err)
	}
}

func TestLoadConfiguration(t *testing.T) {
	w := newWorld(t)
	config, err := engine.LoadDeclared(t.Context(), w.DB)
	testworld.Must(t, err)
	empty := engine.Declared{
		Epoch: w.epoch(), Versions: database.Known(), OwnerUID: shop.UID,
		Reward: &reward.Configuration{Attribution: reward.LastTouch, Campaigns: map[string]*reward.Campaign{}},
	}
	if diff := cmp.Diff(empty, config, cmpopts.IgnoreUnexported(engine.Declared{})); diff != "" {
		t.Errorf("nothing declared: %s", diff)
	}

	second := reward.Terms{
		Purchases: reward.EveryPurchase, MinimumAmounts: map[string]int64{"USD": 2000}, WithinSignup: 720 * time.Hour, HoldPeriod: time.Nanosecond,
		Rewards: []reward.Reward{{Name: "friend", Beneficiary: reward.ToReferee, Percentage: &reward.Percentage{Rate: "2.5", MaximumAmounts: map[string]int64{"USD": 1500}}}},
	}
	w.declare(invite())
	w.declare(invite(withTerms(second), func(d *database.Declaration) {
		d.EndsAt = time.Date(2027, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600))
		d.Policy.Generation++
	}))
	epoch := w.epoch()
	w.declare(invite(func(d *database.Declaration) { d.Name, d.StartsAt = "share-item", time.Time{} }))
	config, err = engine.LoadDeclared(t.Context(), w.DB)
	testworld.Must(t, err)
	want := map[string]*reward.Campaign{
		"invite-friends": {
			Name: "invite-friends", Mode: reward.Open, AttributionWindow: 720 * time.Hour, Edit: 3,
			StartsAt: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), EndsAt: time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC),
			Revisions: []reward.Revision{{Number: 1, Scope: reward.NewPairs, Terms: fiveDollars(500)}, {Number: 2, Scope: reward.NewPairs, Terms: second}},
		},
		"share-item": {
			Name: "share-item", Mode: reward.Open, AttributionWindow: 720 * time.Hour, Edit: 2,
			Revisions: []reward.Revision{{Number: 1, Scope: reward.NewPairs, Terms: fiveDollars(500)}},
		},
	}
	if diff := cmp.Diff(want, config.Reward.Campaigns, cmpopts.IgnoreFields(reward.Revision{}, "RecordedAt")); diff != "" {
		t.Error(diff)
	}
	revisions := config.Reward.Campaigns["invite-friends"].Revisions
	if revisions[0].RecordedAt.IsZero() || !revisions[1].RecordedAt.After(revisions[0].RecordedAt) {
		t.Errorf("recorded at %v and %v", revisions[0].RecordedAt, revisions[1].RecordedAt)
	}
	if config.Epoch != epoch+1 {
		t.Errorf("epoch %d after %d", config.Epoch, epoch)
	}
}

// Above this estimate Postgres compiles a statement, which takes seconds. The planner overestimates
// tables that were never analyzed.
func TestStatementsAreEstimatedAsCheap(t *testing.T) {
	w := newWorld(t)
	for name, arguments := range map[string][]any{
		"read_status":    {database.PendingLimit},
		"read_campaign":  {"invite-friends", "p1"},
		"read_owner":     nil,
		"compare_roles":  {[]string{"shop"}, []string{"bi"}},
		"compare_grants": {[]string{"shop"}, []string{"bi"}, "referral"},
	} {
		var text string
		testworld.Must(t, w.QueryRow(t.Context(), "EXPLAIN (FORMAT json) "+database.Query(name), arguments...).Scan(&text))
		var plan []struct {
			Plan struct {
				Cost float64 `json:"Total Cost"`
			}
		}
		testworld.Must(t, json.Unmarshal([]byte(text), &plan))
		if cost := plan[0].Plan.Cost; cost <= 0 || cost > 50_000 {
			t.Errorf("%s: %f", name, cost)
		}
	}
}
