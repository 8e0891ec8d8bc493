package database_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// What happened to the owner before the claim.
const (
	silentFor4 = "UPDATE referral.owner SET heartbeat_at = now() - interval '4 minutes 50 seconds'"
	silentFor5 = "UPDATE referral.owner SET heartbeat_at = now() - interval '5 minutes 1 second'"
	released   = "UPDATE referral.owner SET released_at = now()"
	noOwner    = "DELETE FROM referral.owner"
)

func TestClaim(t *testing.T) {
	w := newWorld(t)
	rebuilt := database.Identity{Installation: shop.Installation, Name: shop.Name, UID: "after"}
	other := database.Identity{Installation: shop.Installation, Name: "growth/other", UID: "other"}
	elsewhere := database.Identity{Installation: "elsewhere", Name: shop.Name, UID: shop.UID}
	for name, test := range map[string]struct {
		before   string
		claimant database.Identity
		takeOver string
		owns     bool
		bumps    bool
	}{
		"free":                     {noOwner, other, "", true, true},
		"ours":                     {"SELECT", shop, "", true, false},
		"ours, and silent":         {silentFor5, shop, "", true, false},
		"ours, given up":           {released, shop, "", true, true},
		"our name under a new UID": {"SELECT", rebuilt, "", false, false},
		"our name, silent for almost five minutes":  {silentFor4, rebuilt, "", false, false},
		"our name, silent for five minutes":         {silentFor5, rebuilt, "", true, true},
		"our name, given up":                        {released, rebuilt, "", true, true},
		"another name":                              {"SELECT", other, "", false, false},
		"another name, silent":                      {silentFor5, other, "", false, false},
		"another name, given up":                    {released, other, "", false, false},
		"another name that names the owner":         {"SELECT", other, shop.UID, true, true},
		"another name that names an owner before":   {"SELECT", other, "before", false, false},
		"another name that names itself":            {"SELECT", other, other.UID, false, false},
		"another installation with a copied object": {silentFor5, elsewhere, "", false, false},
		"that names the owner":                      {"SELECT", elsewhere, shop.UID, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.anew(t)
			testworld.Exec(t, w, test.before)
			epoch := w.epoch()
			claimed, err := database.Claim(t.Context(), w.DB, test.claimant, test.takeOver)
			var another *database.ErrOwnedByAnother
			switch {
			case test.owns:
				testworld.Must(t, err)
				testworld.Must(t, database.Heartbeat(t.Context(), w.DB, test.claimant))
				took := test.claimant != shop && test.before != noOwner
				if claimed.TookOver != took || took && claimed.From.Identity != shop {
					t.Errorf("%+v", claimed)
				}
			case !errors.As(err, &another):
				t.Fatalf("got %v", err)
			case another.Owner.Identity != shop:
				t.Errorf("names %+v", another.Owner)
			default:
				if message := postgres.Message(err); !strings.Contains(message, shop.UID) || !strings.Contains(message, shop.Name) {
					t.Errorf("%q does not name the owner", message)
				}
			}
			want := epoch
			if test.bumps {
				want++
			}
			if got := w.epoch(); got != want {
				t.Errorf("epoch %d, want %d", got, want)
			}
			status, err := database.ReadStatus(t.Context(), w.DB)
			testworld.Must(t, err)
			if got := status.Owner.Identity == test.claimant; got != test.owns {
				t.Errorf("owned by %+v", status.Owner)
			}
		})
	}
}

func TestOneOfManyConcurrentClaimsOwns(t *testing.T) {
	w := newWorld(t)
	for name, before := range map[string]string{"a free schema": noOwner, "one that was given up": released} {
		t.Run(name, func(t *testing.T) {
			w := w.anew(t)
			testworld.Exec(t, w, before)
			epoch := w.epoch()
			const claimants = 8
			outcomes := make(chan error, claimants)
			for i := range claimants {
				claimant := database.Identity{Installation: shop.Installation, Name: shop.Name, UID: string(rune('a' + i))}
				go func() {
					_, err := database.Claim(t.Context(), w.DB, claimant, "")
					outcomes <- err
				}()
			}
			owners := 0
			for range claimants {
				err := <-outcomes
				var another *database.ErrOwnedByAnother
				switch {
				case err == nil:
					owners++
				case !errors.As(err, &another):
					t.Error(err)
				}
			}
			if owners != 1 || w.epoch() != epoch+1 {
				t.Errorf("%d owners, the epoch went from %d to %d", owners, epoch, w.epoch())
			}
		})
	}
}

func TestHeartbeatWritesAtMostOnceAMinute(t *testing.T) {
	w := newWorld(t)
	beats := func() bool {
		before := testworld.Value[string](t, w, footprint)
		testworld.Must(t, database.Heartbeat(t.Context(), w.DB, shop))
		_, err := database.Claim(t.Context(), w.DB, shop, "")
		testworld.Must(t, err)
		return before != testworld.Value[string](t, w, footprint)
	}
	testworld.Exec(t, w, "UPDATE referral.owner SET heartbeat_at = now()")
	if beats() {
		t.Error("it was written though the last is from just now")
	}
	testworld.Exec(t, w, "UPDATE referral.owner SET heartbeat_at = now() - interval '61 seconds'")
	if !beats() {
		t.Error("it was not written though the last is a minute old")
	}
	if beats() {
		t.Error("it was written twice")
	}
}

func TestHeartbeatReportsTheLossOfTheSchema(t *testing.T) {
	w := newWorld(t)
	for name, before := range map[string]string{
		"to another":  "UPDATE referral.owner SET uid = 'after'",
		"by release":  released,
		"to no owner": noOwner,
	} {
		t.Run(name, func(t *testing.T) {
			w := w.anew(t)
			testworld.Exec(t, w, before)
			var another *database.ErrOwnedByAnother
			if err := database.Heartbeat(t.Context(), w.DB, shop); !errors.As(err, &another) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestRelease(t *testing.T) {
	w := newWorld(t)
	epoch := w.epoch()
	testworld.Must(t, database.Release(t.Context(), w.DB, database.Identity{Installation: "x", Name: "y", UID: "z"}))
	testworld.Must(t, database.Heartbeat(t.Context(), w.DB, shop))
	for range 2 {
		testworld.Must(t, database.Release(t.Context(), w.DB, shop))
	}
	config, err := engine.LoadDeclared(t.Context(), w.DB)
	testworld.Must(t, err)
	if config.OwnerUID != "" || config.Epoch != epoch+1 {
		t.Errorf("owner %q, epoch %d after %d", config.OwnerUID, config.Epoch, epoch)
	}
}

// An upgraded operator owns the schema before it migrates it, and also if it does not.
func TestOwnershipIsKeptAndGivenUpInTheOldestSchema(t *testing.T) {
	db := open(t, testworld.NewDatabase(t).URI, postgres.DefaultSchema)
	undo := database.OnlyMigrationsUpTo(4) // the first whose rules can be put into force
	err := database.Migrate(t.Context(), db)
	undo()
	testworld.Must(t, err)
	_, err = database.Claim(t.Context(), db, shop, "")
	testworld.Must(t, err)
	testworld.Must(t, database.Heartbeat(t.Context(), db, shop))
	status, err := database.ReadOwnership(t.Context(), db)
	testworld.Must(t, err)
	if status.Versions.Schema != 4 || status.Owner.Identity != shop || !status.Owner.ReleasedAt.IsZero() {
		t.Errorf("version %d, owner %+v", status.Versions.Schema, status.Owner)
	}
	testworld.Must(t, database.Release(t.Context(), db, shop))
	if status, err = database.ReadOwnership(t.Context(), db); err != nil || status.Owner.ReleasedAt.IsZero() {
		t.Errorf("%v: released: %+v", err, status.Owner)
	}
}

func TestOwnershipOfANewerSchemaThatIsUnknownNamesItsVersion(t *testing.T) {
	w := newWorld(t)
	testworld.Exec(t, w, "UPDATE referral.meta SET schema_version = 1000")
	testworld.Exec(t, w, "ALTER TABLE referral.owner RENAME TO holder")
	_, err := database.ReadOwnership(t.Context(), w.DB)
	if tooNew, ok := errors.AsType[*database.ErrSchemaTooNew](err); !ok || tooNew.Found.Schema != 1000 {
		t.Errorf("got %v", err)
	}
}
