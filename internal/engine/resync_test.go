package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestResyncWithoutDifferencesWritesNothing(t *testing.T) {
	s := newCrowd(t)
	before := s.written()
	status := s.resync()
	if diff := cmp.Diff(before, s.written()); diff != "" {
		t.Errorf("a resync of what is right wrote something (-before +after):\n%s", diff)
	}
	if status.DriftCorrected != 0 || status.Found != "" || status.EndedAt.IsZero() {
		t.Errorf("status %+v", status)
	}
}

// Altered and missing results are restored exactly.
func TestDamagedResultsAreRestored(t *testing.T) {
	for name, damage := range map[string]struct {
		sql   string
		drift int64
	}{
		"nothing":                          {`SELECT`, 0},
		"attribution deleted":              {`DELETE FROM referral.attribution WHERE user_id = 'bob'`, 1},
		"attribution altered":              {`UPDATE referral.attribution SET referrer_id = 'mallory' WHERE user_id = 'bob'`, 1},
		"attribution altered, no pair yet": {`UPDATE referral.attribution SET touched_at = now() WHERE user_id = 'erin'`, 1},
		"label altered":                    {`UPDATE referral.attribution SET label = 'x' WHERE user_id = 'finn'`, 1},
		"attribution of a held pair lost":  {`DELETE FROM referral.attribution WHERE user_id = 'dave'`, 1},
		"attribution of an unknown signup": {`INSERT INTO referral.attribution (user_id, campaign, code, referrer_id, touched_at, source) VALUES ('zoe', 'invite', 'alice1', 'alice', now(), 'Code')`, 2},
		"granted pair deleted":             {`DELETE FROM referral.pair WHERE user_id = 'bob'`, 1},
		"granted pair and credit deleted":  {`DELETE FROM referral.pair WHERE user_id = 'bob'; DELETE FROM referral.credit WHERE user_id = 'bob'`, 1},
		"all of it deleted":                {`DELETE FROM referral.pair WHERE user_id = 'bob'; DELETE FROM referral.credit WHERE user_id = 'bob'; DELETE FROM referral.attribution WHERE user_id = 'bob'`, 2},
		"granted pair called reversed":     {`UPDATE referral.pair SET state = 'Reversed', reason = 'Refunded' WHERE user_id = 'bob'`, 1},
		"granted pair of another revision": {`UPDATE referral.pair SET revision = 7 WHERE user_id = 'bob'`, 1},
		"granted pair of another referrer": {`UPDATE referral.pair SET referrer_id = 'mallory' WHERE user_id = 'bob'`, 1},
		"reversed pair called granted":     {`UPDATE referral.pair SET state = 'Granted' WHERE user_id = 'carol'`, 1},
		"reversed pair deleted":            {`DELETE FROM referral.pair WHERE user_id = 'carol'`, 1},
		"held pair deleted":                {`DELETE FROM referral.pair WHERE user_id = 'dave'`, 1},
		"held pair called granted":         {`UPDATE referral.pair SET state = 'Granted' WHERE user_id = 'dave'`, 1},
		"held pair that is never due":      {`UPDATE referral.pair SET postponed = true WHERE user_id = 'dave'`, 1},
		"granted credit raised":            {`UPDATE referral.credit SET amount = 99999 WHERE user_id = 'bob'`, 1},
		"granted credit of another":        {`UPDATE referral.credit SET beneficiary_id = 'mallory' WHERE user_id = 'bob'`, 1},
		"granted credit deleted":           {`DELETE FROM referral.credit WHERE user_id = 'bob'`, 1},
		"held credit raised":               {`UPDATE referral.credit SET amount = amount + 1 WHERE user_id = 'dave' AND reward = 'friend'`, 1},
		"held credit deleted":              {`DELETE FROM referral.credit WHERE user_id = 'dave' AND reward = 'friend'`, 1},
		"held credits deleted":             {`DELETE FROM referral.credit WHERE user_id = 'dave'`, 1},
		"credit of a reversed pair":        {`INSERT INTO referral.credit (user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount) VALUES ('carol', 'p2', 'inviter', 'invite', 'alice', 'USD', 500)`, 1},
		"pair counter":                     {`UPDATE referral.pair_count SET granted = granted + 5 WHERE campaign = 'invite'`, 1},
		"awaiting counter":                 {`DELETE FROM referral.pair_count WHERE campaign = 'invite'`, 1},
		"credit counter":                   {`UPDATE referral.credit_count SET granted = 0, held = 3 WHERE campaign = 'slow'`, 1},
		"credit counter cured as its message says": {`ALTER TABLE referral.credit_count ALTER granted DROP NOT NULL;
			UPDATE referral.credit_count SET granted = NULL, held = 'NaN' WHERE campaign = 'slow';
			UPDATE referral.credit_count SET granted = 0, held = repeat('9', 36)::numeric WHERE campaign = 'slow'`, 1},
		"referrer counter":  {`UPDATE referral.referrer SET pairs = 9 WHERE referrer_id = 'alice' AND campaign = 'invite'`, 1},
		"referrer lost":     {`DELETE FROM referral.referrer WHERE referrer_id = 'alice' AND campaign = 'invite'`, 1},
		"account raised":    {`UPDATE referral.engine_account SET earned = earned + 100000 WHERE beneficiary_id = 'alice'`, 1},
		"account held more": {`UPDATE referral.engine_account SET held = held + 1 WHERE beneficiary_id = 'dave'`, 1},
		"account lost":      {`DELETE FROM referral.engine_account WHERE beneficiary_id = 'dave'`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newCrowd(t)
			before, entries := s.results(), s.rows(ledger)
			s.behind(damage.sql)
			s.resync()
			if diff := cmp.Diff(before, s.results()); diff != "" {
				t.Errorf("not as it was (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(entries, s.rows(ledger)); diff != "" {
				t.Errorf("the ledger has other entries (-before +after):\n%s", diff)
			}
			s.drifted(damage.drift)
		})
	}
}

func TestFactsThatChangedBehindTheTriggersAreDecided(t *testing.T) {
	for name, fact := range map[string]struct {
		sql   string
		pairs []string
		drift int64
	}{
		"refund":              {`INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('bob', 'p1', 'r1', 2500)`, []string{"bob p1 Reversed Refunded", "carol p2 Reversed Refunded", "dave p3 Held HoldPeriod"}, 1},
		"refund withdrawn":    {`DELETE FROM referral.refund`, []string{"bob p1 Granted Qualified", "carol p2 Granted Qualified", "dave p3 Held HoldPeriod"}, 1},
		"purchase corrected":  {`UPDATE referral.purchase SET amount = 8000 WHERE user_id = 'dave'`, []string{"bob p1 Granted Qualified", "carol p2 Reversed Refunded", "dave p3 Held HoldPeriod"}, 1},
		"purchase deleted":    {`DELETE FROM referral.purchase WHERE user_id = 'bob'`, []string{"bob p1 Reversed PurchaseRemoved", "carol p2 Reversed Refunded", "dave p3 Held HoldPeriod"}, 1},
		"signup deleted":      {`DELETE FROM referral.signup WHERE user_id = 'bob'`, []string{"bob p1 Reversed PurchaseRemoved", "carol p2 Reversed Refunded", "dave p3 Held HoldPeriod"}, 1},
		"denied":              {`INSERT INTO referral.override (user_id, purchase_id, verdict) VALUES ('bob', 'p1', 'Deny')`, []string{"bob p1 Reversed Overridden", "carol p2 Reversed Refunded", "dave p3 Held HoldPeriod"}, 1},
		"purchase added":      {`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('erin', 'p9', 100, 'USD')`, []string{"bob p1 Granted Qualified", "carol p2 Reversed Refunded", "dave p3 Held HoldPeriod", "erin p9 Granted Qualified"}, 1},
		"another link":        {`UPDATE referral.link SET referrer_id = 'ann' WHERE code = 'alice1'`, []string{"bob p1 Granted Qualified", "carol p2 Reversed Refunded", "dave p3 Held HoldPeriod"}, 2},
		"touch deleted":       {`DELETE FROM referral.touch WHERE visitor_id = 'v9'`, []string{"bob p1 Granted Qualified", "carol p2 Reversed Refunded", "dave p3 Held HoldPeriod"}, 1},
		"signup to be bound":  {`UPDATE referral.signup SET code = 'alice1' WHERE user_id = 'zoe'`, []string{"bob p1 Granted Qualified", "carol p2 Reversed Refunded", "dave p3 Held HoldPeriod"}, 1},
		"touch of a newcomer": {`UPDATE referral.signup SET visitor_id = 'v9' WHERE user_id = 'zoe'`, []string{"bob p1 Granted Qualified", "carol p2 Reversed Refunded", "dave p3 Held HoldPeriod"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newCrowd(t)
			s.behind(fact.sql)
			s.resync()
			s.expect("pairs", pairs, fact.pairs...)
			s.drifted(fact.drift)
		})
	}
}

func TestEntriesWithoutADecisionAreReversed(t *testing.T) {
	for name, entry := range map[string]string{
		"beside a granted one":    `('bob', 'p1', 'inviter', 2, 'invite', 1, 'alice', 700, 'USD', 'Grant', 'Qualified')`,
		"for another beneficiary": `('bob', 'p1', 'bonus', 1, 'invite', 1, 'mallory', 700, 'USD', 'Grant', 'Qualified')`,
		"for an unknown purchase": `('mallory', 'p9', 'inviter', 1, 'invite', 1, 'mallory', 700, 'USD', 'Grant', 'Qualified')`,
		"for a held pair":         `('dave', 'p3', 'inviter', 1, 'slow', 1, 'alice', 500, 'USD', 'Grant', 'Qualified')`,
		"for a reversed pair":     `('carol', 'p2', 'inviter', 3, 'invite', 1, 'ann', 500, 'USD', 'Grant', 'Qualified')`,
		"that takes":              `('bob', 'p1', 'inviter', 2, 'invite', 1, 'alice', -500, 'USD', 'Reversal', 'Refunded')`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newCrowd(t)
			before := s.results()
			s.behind(`INSERT INTO referral.ledger (user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason) VALUES ` + entry)
			s.resync()
			if diff := cmp.Diff(before, s.results()); diff != "" {
				t.Errorf("not as it was (-before +after):\n%s", diff)
			}
			s.expect("entries added", "SELECT count(*) - 3 FROM referral.ledger", "2")
		})
	}
}

func TestMissingPairIsRestoredAndNotDecidedAgain(t *testing.T) {
	s := newCrowd(t)
	terms := fiveDollars()
	terms.Rewards[0].Fixed.Amount = 1000
	s.declare("invite", terms, func(d *database.Declaration) { d.Policy.Generation = 2 })
	s.behind(`DELETE FROM referral.pair WHERE user_id = 'bob'`, `DELETE FROM referral.credit WHERE user_id = 'bob'`)
	s.write(`UPDATE referral.purchase SET amount = amount + 1 WHERE user_id = 'bob'`) // an ordinary batch finds it so
	s.converge()
	s.expect("pair", "SELECT state, revision, ordinal FROM referral.pair WHERE user_id = 'bob'", "Granted 1 1")
	s.expect("credit", "SELECT amount FROM referral.credit WHERE user_id = 'bob'", "500")
	s.expect("entries", "SELECT amount FROM referral.ledger WHERE user_id = 'bob'", "500")
}

func TestResyncLeavesOutPendingReferees(t *testing.T) {
	s := newCrowd(t)
	s.write(refund)
	s.write(`DELETE FROM referral.touch WHERE visitor_id = 'v9'`)
	s.request()
	testworld.Must(t, s.engine.Resync(t.Context()))
	s.expect("pairs", pairs, "bob p1 Granted Qualified", "carol p2 Reversed Refunded", "dave p3 Held HoldPeriod")
	s.expect("drift", "SELECT sum(drift_corrected)::int FROM referral.resync_campaign", "0")
	s.converge()
	s.drifted(0)
}

func TestResyncLeavesASuspendedCampaignAlone(t *testing.T) {
	s := newCrowd(t)
	s.declare("invite", fiveDollars(), inMode(reward.Suspended, 2))
	s.behind(`DELETE FROM referral.pair`)
	s.request()
	testworld.Must(t, s.engine.Resync(t.Context()))
	s.expect("pairs", pairs, "dave p3 Held HoldPeriod")
	s.expect("ended", "SELECT campaign FROM referral.resync_campaign WHERE ended_at IS NOT NULL", "slow")
	s.declare("invite", fiveDollars(), inMode(reward.Open, 3))
	testworld.Must(t, s.engine.Converge(t.Context()))
	testworld.Must(t, s.engine.Resync(t.Context()))
	s.consistent()
	s.expect("pairs", pairs, "bob p1 Granted Qualified", "carol p2 Reversed Refunded", "dave p3 Held HoldPeriod")
	s.expect("entries", "SELECT count(*) FROM referral.ledger", "3")
}

func TestASuspendedDatabaseIsNotCompared(t *testing.T) {
	s := newCrowd(t)
	s.behind(`DELETE FROM referral.pair WHERE user_id = 'bob'`)
	s.asOwner("UPDATE referral.meta SET suspended = true, epoch = epoch + 1")
	s.request()
	testworld.Must(t, s.engine.Resync(t.Context()))
	s.expect("pairs", "SELECT FROM referral.pair WHERE user_id = 'bob'")
	s.asOwner("UPDATE referral.meta SET suspended = false, epoch = epoch + 1")
	testworld.Must(t, s.engine.Resync(t.Context()))
	s.consistent()
	s.expect("pairs", "SELECT state FROM referral.pair WHERE user_id = 'bob'", "Granted")
}

func TestAResyncGoesOnWhereItStopped(t *testing.T) {
	s := newCrowd(t)
	s.behind(`DELETE FROM referral.credit WHERE user_id IN ('bob', 'dave')`)
	s.engine = s.newEngine(engine.Options{BatchSize: 1})
	s.request()
	s.engine.Replace("resync_end", "SELECT 1/0")
	if err := s.engine.Resync(t.Context()); err == nil {
		t.Fatal("it went through")
	}
	s.expect("repaired so far", "SELECT count(*) FROM referral.credit", "3")
	s.expect("under way", "SELECT phase, began_at IS NOT NULL FROM referral.resync", "Sums true")
	s.engine = s.newEngine(engine.Options{})
	s.engine.Replace("resync_find", "SELECT 1/0 WHERE $1 = '' AND $2 = '' AND $3 = 0") // all referees have been compared
	testworld.Must(t, s.engine.Resync(t.Context()))
	s.engine = s.newEngine(engine.Options{})
	s.drifted(2)
}

// A result row whose checksum is 0 is accepted and gets its checksum.
func TestRowsWithoutAChecksumGetOne(t *testing.T) {
	s := newCrowd(t)
	before := s.results()
	s.behind(`UPDATE referral.attribution SET checksum = 0, facts = NULL, via = NULL, pairs = NULL`,
		`UPDATE referral.pair SET checksum = 0, credits = -1`, `UPDATE referral.credit SET checksum = 0`)
	s.resync()
	if diff := cmp.Diff(before, s.results()); diff != "" {
		t.Errorf("not as it was (-before +after):\n%s", diff)
	}
	s.drifted(0)
}

// Lost credits are restored although they use up the campaign's capacity.
func TestLostCreditsComeBackToAFullCampaign(t *testing.T) {
	for name, damage := range map[string]string{
		"held credit":  `DELETE FROM referral.credit WHERE user_id = 'dave' AND reward = 'friend'`,
		"held credits": `DELETE FROM referral.credit WHERE user_id = 'dave'`,
		"held pair":    `DELETE FROM referral.pair WHERE user_id = 'dave'`,
		"granted pair": `DELETE FROM referral.pair WHERE user_id = 'bob'`,
		"all credits":  `DELETE FROM referral.credit`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newCrowd(t)
			limited := func(name string, hold time.Duration, rewards ...reward.Reward) {
				terms := fiveDollars()
				terms.HoldPeriod, terms.Limits.PairsPerReferrer = hold, 1
				terms.Rewards = append(terms.Rewards, rewards...)
				s.declare(name, terms, func(d *database.Declaration) {
					d.Generation, d.Policy.Generation, d.Budget = 2, 2, &database.Money{Amount: 900, Currency: "USD"}
				})
			}
			limited("invite", 0)
			limited("slow", 48*time.Hour, reward.Reward{Name: "friend", Beneficiary: reward.ToReferee, Percentage: &reward.Percentage{Rate: "10"}})
			s.converge()
			before := s.results()
			s.behind(damage)
			s.resync()
			s.converge() // allocation was requested when the counters were put right
			if diff := cmp.Diff(before, s.results()); diff != "" {
				t.Errorf("not as it was (-before +after):\n%s", diff)
			}
		})
	}
}

func TestRequestsAreAnsweredByResyncsThatBeganAfterThem(t *testing.T) {
	s := newCrowd(t)
	ask := func(what string) {
		testworld.Must(t, database.RequestResync(t.Context(), s.db, database.Campaign{OwnerUID: uid, Name: "invite"}, what))
	}
	ask("monday")
	ask("tuesday")
	testworld.Must(t, s.engine.Resync(t.Context()))
	if got := s.status().Resync; got.Handled != "tuesday" || got.EndedAt.IsZero() {
		t.Errorf("status %+v", got)
	}
	before := s.written()
	ask("tuesday")
	testworld.Must(t, s.engine.Resync(t.Context()))
	if s.written() != before {
		t.Error("asking the same again did something")
	}
	if err := database.RequestResync(t.Context(), s.db, database.Campaign{OwnerUID: "a stranger", Name: "invite"}, "x"); err == nil {
		t.Error("an object without the schema may request a resync")
	}
}

func TestRunningEngineResyncsOnRequestAndOnTime(t *testing.T) {
	s := newCrowd(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.newEngine(engine.Options{PollInterval: 5 * time.Millisecond}).Run(ctx) }()
	s.behind(`DELETE FROM referral.credit WHERE user_id = 'bob'`)
	s.request()
	s.eventually("the credit is back", "SELECT count(*) FROM referral.credit WHERE user_id = 'bob'", "1")
	s.eventually("the request is answered", "SELECT count(*) FROM referral.resync_campaign WHERE handled = requested", "2")
	s.asOwner("UPDATE referral.resync_campaign SET ended_at = ended_at - interval '29 min'")
	s.behind(`DELETE FROM referral.credit WHERE user_id = 'bob'`)
	s.asOwner("UPDATE referral.resync_campaign SET ended_at = ended_at - interval '1 min' WHERE campaign = 'invite'")
	s.eventually("the credit is back", "SELECT count(*) FROM referral.credit WHERE user_id = 'bob'", "1")
	stop()
	testworld.Must(t, <-done)
	s.consistent()
}

func TestTwoEnginesCompareOnce(t *testing.T) {
	s := newCrowd(t)
	s.behind(`DELETE FROM referral.credit WHERE user_id IN ('bob', 'dave')`)
	s.request()
	done := make(chan error, 2)
	for range cap(done) {
		e := s.newEngine(engine.Options{BatchSize: 1})
		go func() { done <- e.Resync(t.Context()) }()
	}
	for range cap(done) {
		testworld.Must(t, <-done)
	}
	testworld.Must(t, s.engine.Resync(t.Context()))
	s.consistent()
	s.drifted(2)
}
