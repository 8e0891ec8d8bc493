package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// Postgres compiles a statement with a higher estimate, which takes seconds. The planner
// overestimates tables that were never analyzed.
func TestLoadingTheConfigurationIsEstimatedAsCheap(t *testing.T) {
	s := newShop(t)
	var text string
	testworld.Must(t, s.db.QueryRow(t.Context(), "EXPLAIN (FORMAT json) "+s.engine.Statement("load_configuration")).Scan(&text))
	var plan []struct {
		Plan struct {
			Cost float64 `json:"Total Cost"`
		}
	}
	testworld.Must(t, json.Unmarshal([]byte(text), &plan))
	if cost := plan[0].Plan.Cost; cost <= 0 || cost > 50_000 {
		t.Errorf("the estimate is %f", cost)
	}
}

// The owner of a database can write any terms. Small texts become large terms, which an engine
// keeps.
func TestTermsThatNoPolicyHasAreNotLoaded(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	for _, c := range []struct {
		name           string
		rewards, tiers int // of each revision
		from, to       int // revisions that are added
		want           string
	}{
		{"a text of 80 KB", 20_000, 0, 2, 2,
			"while reading revision 2 of campaign invite: its terms have more than 64 KiB, which no policy has: restore the row of table revision from a backup"},
		{"nine rewards", 9, 0, 2, 2,
			"while reading revision 2 of campaign invite: 9 rewards are more than the 8 that a policy may have: restore the row of table revision from a backup"},
		{"33 tiers", 1, 33, 2, 2,
			"while reading revision 2 of campaign invite: 33 tiers of a reward are more than the 32 that a policy may have: restore the row of table revision from a backup"},
		{"tiers of 12 MB together", 8, 32, 2, 2000,
			"the campaigns and revisions have more than 8 MiB: remove the rows of table revision that no declaration has recorded"},
		{"40,000 empty terms", 0, 0, 2, 40_000,
			"the campaigns and revisions have more than 8 MiB: remove the rows of table revision that no declaration has recorded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.asOwner(`INSERT INTO referral.revision (campaign, revision, digest, terms, scope)
			           SELECT 'invite', n, 'd', jsonb_build_object('purchases', 'First', 'rewards', (
			                      SELECT jsonb_agg(CASE WHEN $2::int = 0 THEN '{}' ELSE jsonb_build_object('tiers', (SELECT jsonb_agg('{"fixed": {"currency": "USD"}}'::jsonb) FROM generate_series(1, $2::int))) END)
			                        FROM generate_series(1, $1::int))), 'NewPairs'
			             FROM generate_series($3::int, $4::int) AS n`, c.rewards, c.tiers, c.from, c.to)
			defer s.asOwner("DELETE FROM referral.revision WHERE revision > 1")
			if _, err := engine.LoadDeclared(t.Context(), s.db); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
}

// A revision that withdraws itself, or a later one, would reach pairs without end.
func TestRevisionsThatWithdrawAnyButTheOneBeforeAreNotLoaded(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	for revision := range int64(2) {
		s.declare("invite", fiveDollars(), revised(2+revision, 900+revision, reward.AllPairs))
	}
	s.asOwner("CREATE TABLE public.declared AS TABLE referral.revision")
	const restore = `DELETE FROM referral.revision; INSERT INTO referral.revision TABLE public.declared;
		ALTER TABLE referral.revision DROP CONSTRAINT IF EXISTS revision_pkey, ADD PRIMARY KEY (campaign, revision)`
	for name, c := range map[string]struct{ change, want string }{
		"itself":                    {"UPDATE referral.revision SET withdraws = 2 WHERE revision = 2", "revision 2 of campaign invite withdraws revision 2"},
		"a later one":               {"UPDATE referral.revision SET withdraws = 5 - revision WHERE revision > 1", "revision 2 of campaign invite withdraws revision 3"},
		"one before the one before": {"UPDATE referral.revision SET withdraws = 1 WHERE revision = 3", "revision 3 of campaign invite withdraws revision 1"},
		"one below zero":            {"UPDATE referral.revision SET withdraws = -1 WHERE revision = 3", "revision 3 of campaign invite withdraws revision -1"},
		"one that is missing": {"UPDATE referral.revision SET withdraws = 1 WHERE revision = 2; DELETE FROM referral.revision WHERE revision = 1",
			"revision 2 of campaign invite withdraws revision 1"},
		"the same number twice": {"ALTER TABLE referral.revision DROP CONSTRAINT revision_pkey CASCADE; UPDATE referral.revision SET revision = 2 WHERE revision = 3",
			"revision 2 of campaign invite comes after revision 2"},
		"the number 0": {"ALTER TABLE referral.revision DROP CONSTRAINT revision_revision_check; UPDATE referral.revision SET revision = 0 WHERE revision = 1",
			"revision 0 of campaign invite comes after revision 0"},
	} {
		t.Run(name, func(t *testing.T) {
			defer s.asOwner(restore)
			for statement := range strings.SplitSeq(c.change, "; ") {
				s.asOwner(statement)
			}
			_, err := engine.LoadDeclared(t.Context(), s.db)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasSuffix(err.Error(), ": restore the rows of table revision from a backup") {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
}

// A decision takes memory and time by the terms.
func TestTermsWithFieldsThatNoPolicyHasAreNotLoaded(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	for name, c := range map[string]struct{ terms, want string }{
		"a long name":                  {`{"rewards": [{"name": "` + strings.Repeat("ä", 64) + `"}]}`, "64 characters of a reward's name are more than the 63"},
		"a long condition":             {`{"condition": "` + strings.Repeat("ä", 4097) + `"}`, "4097 characters of a condition are more than the 4096"},
		"many minimum amounts":         {`{"minimumAmounts": ` + currencies(33) + `}`, "33 minimum amounts are more than the 32"},
		"many maximum amounts":         {`{"rewards": [{"percentage": {"maximumAmounts": ` + currencies(33) + `}}]}`, "33 maximum amounts of a reward are more than the 32"},
		"a long currency of an amount": {`{"rewards": [{"fixed": {"currency": "` + strings.Repeat("U", 60000) + `"}}]}`, `the currency "UUUUUUUU`},
		"a currency in small letters":  {`{"rewards": [{"tiers": [{"fixed": {"currency": "usd"}}]}]}`, `the currency "usd" is not three capital letters`},
		"such a currency of a minimum": {`{"minimumAmounts": {"usd": 1}}`, `the currency "usd" is not three capital letters`},
		"such a currency of a maximum": {`{"rewards": [{"percentage": {"maximumAmounts": {"usd": 1}}}]}`, `the currency "usd" is not three capital letters`},
	} {
		t.Run(name, func(t *testing.T) {
			s.asOwner("UPDATE referral.revision SET terms = $1::text::jsonb", c.terms)
			_, err := engine.LoadDeclared(t.Context(), s.db)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasSuffix(err.Error(), ": restore the row of table revision from a backup") || len(err.Error()) > 1000 {
				t.Errorf("error %.1000v, want %s", err, c.want)
			}
		})
	}
}

// currencies is JSON of so many amounts by currency.
func currencies(n int) string {
	var amounts []string
	for i := range n {
		amounts = append(amounts, fmt.Sprintf(`"A%c%c": 1`, 'A'+i/26, 'A'+i%26))
	}
	return "{" + strings.Join(amounts, ", ") + "}"
}

// The longest terms that the fields of a RewardPolicy allow.
func TestTheLongestPolicyIsLoaded(t *testing.T) {
	const most = 999_999_999_999_999_999
	amounts := map[string]int64{}
	for n := range 32 {
		amounts[fmt.Sprintf("A%c%c", 'A'+n/26, 'A'+n%26)] = most
	}
	terms := reward.Terms{
		Purchases: reward.FirstPurchase, MinimumAmounts: amounts, WithinSignup: most, BeforeSignup: most, HoldPeriod: most,
		Condition: strings.Repeat("\x01", 4096),
	}
	for n := range 8 {
		r := reward.Reward{Name: fmt.Sprint(strings.Repeat("n", 62), n), Beneficiary: reward.ToReferrer}
		for tier := range int64(32) {
			r.Tiers = append(r.Tiers, reward.Tier{FromPair: 900_000_000 + tier, Fixed: reward.Money{Amount: most, Currency: "USD"}})
		}
		terms.Rewards = append(terms.Rewards, r)
	}
	s := newShop(t)
	s.declare("invite", terms)
	config, err := engine.LoadDeclared(t.Context(), s.db)
	testworld.Must(t, err)
	if diff := cmp.Diff(terms, config.Reward.Campaigns["invite"].Revisions[0].Terms); diff != "" {
		t.Error(diff)
	}
}

// An engine that cannot load all revisions decides nothing, so no more are recorded than it can
// load.
func TestAllRevisionsThatAreRecordedCanBeLoaded(t *testing.T) {
	amounts, tiers := fiveDollars(), fiveDollars()
	amounts.MinimumAmounts = map[string]int64{}
	for n := range 32 {
		amounts.MinimumAmounts[fmt.Sprintf("A%c%c", 'A'+n/26, 'A'+n%26)] = 1
	}
	tiers.Rewards[0].Fixed = nil
	for n := range int64(32) {
		tiers.Rewards[0].Tiers = append(tiers.Rewards[0].Tiers, reward.Tier{FromPair: n + 1, Fixed: reward.Money{Amount: 1, Currency: "USD"}})
	}
	for name, terms := range map[string]reward.Terms{"short terms": fiveDollars(), "many amounts": amounts, "many tiers": tiers} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.declare("invite", terms)
			declared, full := 0, false
			for edit := int64(0); !full; edit++ {
				s.asOwner(`INSERT INTO referral.revision (campaign, revision, digest, terms, scope)
				           SELECT 'invite', r.revision + n, n, r.terms, r.scope
				             FROM (SELECT * FROM referral.revision ORDER BY revision DESC LIMIT 1) AS r, generate_series(1, 50) AS n`)
				terms.HoldPeriod = time.Duration(1 + edit)
				now := s.declare("invite", terms)
				declared, full = now.Revision, now.Full
			}
			config, err := engine.LoadDeclared(t.Context(), s.db)
			testworld.Must(t, err)
			if revisions := len(config.Reward.Campaigns["invite"].Revisions); revisions != declared || revisions < 400 {
				t.Errorf("%d revisions are loaded of %d", revisions, declared)
			}
		})
	}
}

// Engines keep what is declared. A tenant has as many databases as it likes.
func TestConfigurationsOfATenantLeaveMemoryToOthers(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.asOwner(`INSERT INTO referral.revision (campaign, revision, digest, terms, scope)
	           SELECT 'invite', n, '', '{}', 'NewPairs' FROM generate_series(2, 10000) AS n`)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	engines := map[string][]*engine.Engine{}
	run := func(tenant string) *engine.Engine {
		e := s.newEngine(engine.Options{Tenant: tenant})
		running.Go(func() { _ = e.Run(ctx) })
		waitFor(t, "the engine has a configuration or is refused one", func() bool { return e.Loaded() || e.Err() != nil })
		engines[tenant] = append(engines[tenant], e)
		return e
	}
	for range 10 {
		run("crowd")
	}
	var refused int
	for _, e := range engines["crowd"] {
		if err := e.Err(); err != nil {
			refused++
			if !strings.Contains(err.Error(), "of this namespace take the memory that other namespaces leave for them") {
				t.Error(err)
			}
		}
	}
	if refused == 0 || refused > 6 {
		t.Errorf("%d of 10 databases are refused", refused)
	}
	if err := run("another").Err(); err != nil {
		t.Errorf("of another tenant: %v", err)
	}
	s.declare("invite", fiveDollars(), inMode(reward.Suspended, 2))
	var epoch int64
	testworld.Must(t, s.db.QueryRow(t.Context(), "SELECT epoch FROM referral.meta").Scan(&epoch))
	for _, e := range engines["crowd"] {
		waitFor(t, "the engine has the edit or is refused it", func() bool { return e.Err() != nil || !e.Loaded() || e.LoadedEpoch() >= epoch })
		if err := e.Err(); err != nil && e.Loaded() {
			t.Errorf("an edit that needs no more memory is refused: %v", err)
		}
	}
	cancel()
	running.Wait()
	if kept := engine.DeclaredBytes(); kept != 0 {
		t.Errorf("engines that have ended keep %d bytes", kept)
	}
}

func TestEveryTextOfTheConfigurationIsCounted(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.asOwner("UPDATE referral.owner SET uid = repeat('u', 1000000)")
	s.asOwner("INSERT INTO referral.revision (campaign, revision, digest, terms, scope) SELECT 'invite', n, 'd', '{}', 'NewPairs' FROM generate_series(2, 3) AS n")
	config, err := engine.LoadDeclared(t.Context(), s.db)
	testworld.Must(t, err)
	if size := config.Size(); size < 1_000_000 || size > 1_010_000 {
		t.Errorf("%d bytes", size)
	}
}

func TestBudgetInNoCurrencyIsNotLoaded(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars(), func(d *database.Declaration) { d.Budget = &database.Money{Amount: 500, Currency: "USD"} })
	s.asOwner("UPDATE referral.campaign SET budget_currency = repeat('u', 1000000)")
	_, err := engine.LoadDeclared(t.Context(), s.db)
	if err == nil || !strings.Contains(err.Error(), "which is not three capital letters: correct its row of table campaign") || len(err.Error()) > 1000 {
		t.Errorf("error %.1000v", err)
	}
}

// The engine keeps its last error, which names campaigns.
func TestErrorsAboutTheConfigurationAreShort(t *testing.T) {
	for name, change := range map[string]string{
		"a long name":          "UPDATE referral.campaign SET name = repeat('n', 100000)",
		"a window below zero":  "UPDATE referral.campaign SET attribution_window = -1, name = repeat(chr(27), 200)",
		"terms that are wrong": `UPDATE referral.revision SET terms = jsonb_build_object('purchases', jsonb_build_object(repeat('p', 50000), 1))`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.declare("invite", fiveDollars())
			s.withoutChecks("campaign", "revision")
			s.asOwner(change)
			if strings.Contains(change, "name =") {
				s.asOwner("UPDATE referral.revision SET campaign = (SELECT name FROM referral.campaign)")
			}
			_, err := engine.LoadDeclared(t.Context(), s.db)
			if err == nil || len(err.Error()) > 1500 || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("error %.1500q", err)
			}
		})
	}
}
