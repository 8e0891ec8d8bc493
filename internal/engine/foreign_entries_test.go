package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// foreign writes ledger entries of (user_id, purchase_id, reward, seq, campaign, revision,
// beneficiary_id, amount, currency, kind, reason) that the engine did not make.
func (s *shop) foreign(entries string) {
	s.Helper()
	s.behind(`INSERT INTO referral.ledger (user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason) VALUES ` + entries)
}

// Accounts and counters never contained the entry, so reversing it frees no budget.
func TestReversedForeignEntryFreesNoBudget(t *testing.T) {
	every := fiveDollars()
	every.Purchases = reward.EveryPurchase
	s := newShop(t)
	s.declare("invite", every, budgetOf(1000))
	s.friends(1, 3)
	s.converge()
	s.expect("at first", "SELECT state, count(*) FROM referral.pair GROUP BY 1 ORDER BY 1", "Granted 2", "Waiting 1")
	s.foreign(`('u001', 'p', 'inviter', 2, 'invite', 1, 'anna', 500, 'USD', 'Grant', 'Qualified')`)
	s.write("UPDATE referral.purchase SET amount = amount + 1 WHERE user_id = 'u001'")
	s.converge()
	s.expect("the entry is reversed", "SELECT sum(amount)::text FROM referral.ledger WHERE user_id = 'u001'", "500")
	s.friends(4, 4)
	s.converge()
	s.expect("afterwards", "SELECT state, count(*) FROM referral.pair GROUP BY 1 ORDER BY 1", "Granted 2", "Waiting 2")
	s.expect("granted", sums, "1000")
	s.resyncsWithoutDrift()
}

// One entry of the ledger is not as the engine wrote it. A batch corrects the sum by appending, and
// accounts and counters are what they were.
func TestBatchCorrectsTheLedgerAndNoAccount(t *testing.T) {
	const accounts = "SELECT beneficiary_id, currency, earned::text, held::text FROM referral.engine_account WHERE (earned, held) <> (0, 0) ORDER BY 1, 2"
	const counters = "SELECT campaign, currency, sum(granted)::text, sum(held)::text FROM referral.credit_count GROUP BY 1, 2 HAVING (sum(granted), sum(held)) <> (0, 0) ORDER BY 1, 2"
	sums := func(s *shop) []string { return append(s.rows(accounts), s.rows(counters)...) }
	undamaged := newCrowd(t)
	want := map[string][]string{"": sums(undamaged)} // by what is written
	undamaged.write(refund)
	undamaged.converge()
	want[refund] = sums(undamaged)
	for name, c := range map[string]struct {
		damage string
		write  string // a change of the facts, beside it
	}{
		"gives beside a granted one":      {damage: `INSERT ('bob', 'p1', 'inviter', 2, 'invite', 1, 'alice', 700, 'USD', 'Grant', 'Qualified')`},
		"gives for another beneficiary":   {damage: `INSERT ('bob', 'p1', 'bonus', 1, 'invite', 1, 'mallory', 700, 'USD', 'Grant', 'Qualified')`},
		"gives for a held pair":           {damage: `INSERT ('dave', 'p3', 'inviter', 1, 'slow', 1, 'alice', 500, 'USD', 'Grant', 'Qualified')`},
		"gives for a reversed pair":       {damage: `INSERT ('carol', 'p2', 'inviter', 3, 'invite', 1, 'ann', 500, 'USD', 'Grant', 'Qualified')`},
		"takes":                           {damage: `INSERT ('bob', 'p1', 'inviter', 2, 'invite', 1, 'alice', -500, 'USD', 'Reversal', 'Refunded')`},
		"amount was altered":              {damage: `UPDATE referral.ledger SET amount = 700 WHERE user_id = 'bob'`},
		"beneficiary was altered":         {damage: `UPDATE referral.ledger SET beneficiary_id = 'mallory' WHERE user_id = 'bob'`},
		"currency was altered":            {damage: `UPDATE referral.ledger SET currency = 'EUR' WHERE user_id = 'bob'`},
		"amount of a credit was altered":  {damage: `UPDATE referral.credit SET amount = 700 WHERE user_id = 'bob'`},
		"a credit is missing":             {damage: `DELETE FROM referral.credit WHERE user_id = 'bob'`},
		"takes, and the pair is reversed": {`INSERT ('bob', 'p1', 'inviter', 2, 'invite', 1, 'alice', -500, 'USD', 'Reversal', 'Refunded')`, refund},
		"gives, and the pair is reversed": {`INSERT ('bob', 'p1', 'inviter', 2, 'invite', 1, 'alice', 700, 'USD', 'Grant', 'Qualified')`, refund},
	} {
		for _, byResync := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", by a resync", false: ", by a batch"}[byResync], func(t *testing.T) {
				s := newCrowd(t)
				if entry, foreign := strings.CutPrefix(c.damage, "INSERT "); foreign {
					s.foreign(entry)
				} else {
					s.behind(c.damage)
				}
				if c.write != "" {
					s.write(c.write)
				}
				if !byResync || c.write != "" {
					s.decideAll()
				}
				if byResync {
					s.resync()
				}
				if diff := cmp.Diff(want[c.write], sums(s)); diff != "" {
					t.Errorf("accounts and counters (-want +got):\n%s", diff)
				}
				s.resync()
				s.expect("corrected counters and accounts", "SELECT campaign, found FROM referral.resync_campaign WHERE found LIKE '%account%'")
			})
		}
	}
}

// A resync corrects rows before it compares sums: nothing is left for these.
func TestResyncFindsNoSumOffAfterItReversedAForeignEntry(t *testing.T) {
	s := newCrowd(t)
	before := s.results()
	s.foreign(`('bob', 'p1', 'inviter', 2, 'invite', 1, 'alice', 700, 'USD', 'Grant', 'Qualified'),
		('mallory', 'p9', 'inviter', 1, 'invite', 1, 'mallory', 700, 'USD', 'Grant', 'Qualified')`)
	s.resync()
	if diff := cmp.Diff(before, s.results()); diff != "" {
		t.Errorf("not as it was (-before +after):\n%s", diff)
	}
	s.expect("found", "SELECT campaign, found FROM referral.resync_campaign ORDER BY 1", "invite 2 pairs", "slow ")
}

// A resync cannot correct the entry while the campaign is suspended, but adds it up.
func TestSumsAreRightAfterAForeignEntryThatAResyncCouldNotCorrect(t *testing.T) {
	s := newCrowd(t)
	before := s.results()
	s.declare("invite", fiveDollars(), inMode(reward.Suspended, 2))
	s.foreign(`('bob', 'p1', 'inviter', 2, 'invite', 1, 'alice', 700, 'USD', 'Grant', 'Qualified')`)
	s.request()
	testworld.Must(t, s.engine.Resync(t.Context()))
	s.expect("added up", balances, "alice USD 1200 500", "dave USD 0 400")
	s.declare("invite", fiveDollars(), inMode(reward.Open, 3))
	s.asOwner("INSERT INTO referral.change (shard, kind, key) VALUES (referral.shard_of('bob'), 'Referee', 'bob')")
	testworld.Must(t, s.engine.Converge(t.Context()))
	testworld.Must(t, s.engine.Resync(t.Context()))
	s.consistent()
	if diff := cmp.Diff(before, s.results()); diff != "" {
		t.Errorf("not as it was (-before +after):\n%s", diff)
	}
}

func TestReverseTakesBackAForeignEntry(t *testing.T) {
	for name, entry := range map[string]string{
		"gives":                          `('u001', 'p', 'inviter', 2, 'invite', 1, 'anna', 500, 'USD', 'Grant', 'Qualified')`,
		"takes":                          `('u001', 'p', 'inviter', 2, 'invite', 1, 'anna', -500, 'USD', 'Reversal', 'Refunded')`,
		"of an unknown purchase":         `('mallory', 'p9', 'inviter', 1, 'invite', 1, 'anna', 700, 'USD', 'Grant', 'Qualified')`,
		"of a held pair":                 `('u003', 'p', 'inviter', 1, 'invite', 1, 'anna', 700, 'USD', 'Grant', 'Qualified')`,
		"of a granted pair, to a friend": `('u001', 'p', 'friend', 1, 'invite', 1, 'u001', 700, 'USD', 'Grant', 'Qualified')`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newEveryKind(t)
			s.foreign(entry)
			s.reverseAll("invite")
		})
	}
}

// Whether a purchase has a foreign entry is looked up only if its entries differ from its credits.
func TestBatchReadsNoChecksumsOfAnUndamagedLedger(t *testing.T) {
	s := newCrowd(t)
	s.engine = s.newEngine(engine.Options{})
	s.engine.Replace("load_foreign_entry", "SELECT 1 / 0")
	s.decideAll()
	s.write(refund)
	testworld.Must(t, s.engine.Converge(t.Context()))
	if got := s.rows(pairs); !slices.Contains(got, "bob p1 Reversed Refunded") {
		t.Errorf("pairs: %v", got)
	}
}
