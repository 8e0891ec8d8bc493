package engine_test

import (
	"fmt"
	"testing"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// sharded gives an empty database another number of shards, a power of two, as
// another migration would.
func (s *shop) sharded(shards int) {
	s.Helper()
	s.asOwner("DELETE FROM referral.shard")
	s.asOwner("INSERT INTO referral.shard SELECT generate_series(0, $1::int - 1)", shards)
	s.asOwner(fmt.Sprintf(`CREATE OR REPLACE FUNCTION referral.shard_of(key text) RETURNS smallint
		LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN (hashtextextended(key COLLATE "C", 0) & %d)::smallint`, shards-1))
}

// Only a migration defines the number of shards.
func TestAnyNumberOfShardsIsServed(t *testing.T) {
	for _, shards := range []int{1, 2, 64} {
		t.Run(fmt.Sprint(shards), func(t *testing.T) {
			s := newShop(t)
			s.sharded(shards)
			s.engine = s.newEngine(engine.Options{BatchSize: 8})
			s.declare("invite", fiveDollars(), limited(1, 0, 10_000))
			s.arrive(1, 40)
			s.converge()
			s.expect("pairs", "SELECT state, count(*) FROM referral.pair GROUP BY 1 ORDER BY 1", "Granted 20", "Waiting 20")
			s.refund("u001", 2000)
			s.converge()
			s.expect("pairs after a refund", "SELECT state, count(*) FROM referral.pair GROUP BY 1 ORDER BY 1", "Granted 20", "Reversed 1", "Waiting 19")
			s.expect("changes left", "SELECT FROM referral.change")
			s.atRest()
		})
	}
}

// No shard starves: each is locked once before any is locked again.
func TestBatchesLockAllShardsInTurn(t *testing.T) {
	for _, shards := range []int{16, 64} {
		t.Run(fmt.Sprint(shards), func(t *testing.T) {
			s := newShop(t)
			s.sharded(shards)
			s.declare("invite", fiveDollars())
			s.write(link)
			s.asOwner(`INSERT INTO referral.signup (user_id, code)
			           SELECT user_id, 'alice1' FROM (SELECT 'u' || n AS user_id, row_number() OVER (PARTITION BY referral.shard_of('u' || n)) AS number
			                                            FROM generate_series(1, 2000) n) AS u WHERE number <= 3`)
			s.asOwner(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT user_id, 'p', 2000, 'USD' FROM referral.signup`)
			s.asOwner("DELETE FROM referral.change")
			s.asOwner("INSERT INTO referral.change (shard, kind, key) SELECT referral.shard_of(user_id), 'Referee', user_id FROM referral.signup")
			testworld.Must(t, s.newEngine(engine.Options{BatchSize: 4}).Converge(t.Context()))
			s.expect("shards, and whether each was worked on once before any was again", `
				SELECT count(*) FILTER (WHERE number = 1), max(decided_at) FILTER (WHERE number = 1) <= min(decided_at) FILTER (WHERE number = 2)
				  FROM (SELECT decided_at, row_number() OVER (PARTITION BY referral.shard_of(user_id) ORDER BY decided_at) AS number
				          FROM referral.pair) AS p`, fmt.Sprint(shards, " true"))
		})
	}
}
