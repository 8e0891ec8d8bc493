package engine_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// shopOfTwoCampaigns has ten pairs of invite, and one referee who was attributed to it. The budget of
// invite suffices for $7 per pair, and that of other for one pair.
func shopOfTwoCampaigns(t *testing.T) *shop {
	t.Helper()
	s := newShop(t)
	s.declare("invite", fiveDollars(), limited(1, 0, 7000))
	s.declare("other", fiveDollars(), limited(1, 0, 500))
	s.write("INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('other1', 'other', 'otto')")
	s.arrive(1, 10)
	s.write("INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ('u011', 'anna', now() - interval '1 h')")
	s.converge()
	return s
}

// movesToOther gives the last referee a purchase that counts in the other campaign.
func (s *shop) movesToOther() {
	s.Helper()
	s.write("UPDATE referral.signup SET code = 'other1' WHERE user_id = 'u011'")
	s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('u011', 'p', 2000, 'USD')")
}

// What ten pairs of invite and one of other earn more.
const sevenAndOther = "USD granted +2500 -0 held +0 -0, "

func (s *shop) expectEffects(what string, plan *engine.PlanResult, want string) {
	s.Helper()
	if got := short(plan); len(got) < len(want) || got[:len(want)] != want {
		s.Errorf("%s: %s, want %s", what, got, want)
	}
}

// A plan in little memory reads all ranges twice. In between the first claim of a campaign appears.
func TestPlanInLittleMemoryMeetsTheFirstClaimOfACampaign(t *testing.T) {
	s := shopOfTwoCampaigns(t)
	defer engine.LimitClaims(1)()
	d := s.declaration("invite", limited(2, 0, 7000), revised(2, 700, reward.AllPairs))
	plan := s.plan(engine.PlanRequest{Declaration: &d, Progress: func(_, _ int64) { s.movesToOther() }})
	s.expectEffects("the plan", plan, sevenAndOther)
}

// The connection is lost while the numbers of a campaign's referrers are read, and the range is read
// once more.
func TestPlanInLittleMemorySpendsTheCapacityOfARepeatedRangeOnce(t *testing.T) {
	for _, campaign := range []string{"invite", "other"} {
		t.Run(campaign, func(t *testing.T) {
			s := shopOfTwoCampaigns(t)
			s.movesToOther()
			defer engine.LimitClaims(1)()
			// As long as this connection is there, the statement ends it and its own.
			fuse, err := pgx.Connect(t.Context(), s.uri)
			testworld.Must(t, err)
			defer func() { _ = fuse.Close(t.Context()) }()
			_, err = fuse.Exec(t.Context(), "SELECT pg_advisory_lock(4711)")
			testworld.Must(t, err)
			burn := fmt.Sprintf(`WITH fuse AS MATERIALIZED (
				SELECT pg_terminate_backend(pid, 10000) AND pg_terminate_backend(pg_backend_pid()) FROM pg_locks
				 WHERE locktype = 'advisory' AND objid = 4711 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
				   AND '%s' = ANY ($1::text[]))
				SELECT a.campaign, a.referrer_id, coalesce(r.pairs, 0), false
				  FROM unnest($1::text[], $2::text[]) AS a(campaign, referrer_id)
				  LEFT JOIN referral.referrer AS r ON r.campaign = a.campaign AND r.referrer_id = a.referrer_id
				 WHERE (SELECT count(*) FROM fuse) >= 0`, campaign)
			d := s.declaration("invite", limited(2, 0, 7000), revised(2, 700, reward.AllPairs))
			plan, err := engine.PlanReplacing(t.Context(), s.db, engine.PlanRequest{Campaign: d.Campaign, Declaration: &d}, "load_referrer", burn)
			testworld.Must(t, err)
			s.expectEffects("the plan", plan, sevenAndOther)
			if err := fuse.Ping(t.Context()); err == nil {
				t.Error("no connection was lost")
			}
		})
	}
}
