package engine_test

import (
	"testing"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// A budget of $260 does not suffice for the rollout of $7 for 40 friends, and does for $6.
func TestPlanDuringARolloutIsAnEstimateOfWhatTheEditPaysAfterIt(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars(), limited(1, 0, 26_000))
	s.arrive(1, 40)
	s.converge()
	s.declare("invite", fiveDollars(), limited(2, 0, 26_000), revised(2, 700, reward.AllPairs))
	s.steps(6)
	s.expect("the rollout", "SELECT reached > '', reached_all FROM referral.rollout", "true false")
	edit := limited(3, 0, 26_000)
	plan := s.planned(edit, revised(3, 600, reward.AllPairs))
	s.expectPlan("$6 for all", plan, "USD granted +4000 -0 held +0 -0, forward USD 28000→24000, {Granted:40 Reversed:0 Held:0 Waiting:0 Unchanged:0}, estimate")
	if !plan.RollingOut {
		t.Error("the rollout is not in the result")
	}
	if revert := s.planned(edit, revised(3, 500, reward.NewPairs)); !revert.Estimate || !revert.RollingOut {
		t.Errorf("the revert: %s, rolling out %t", short(revert), revert.RollingOut)
	}
	if deletion := s.plan(engine.PlanRequest{Delete: true}); !deletion.Estimate || !deletion.RollingOut {
		t.Errorf("the deletion: %s, rolling out %t", short(deletion), deletion.RollingOut)
	}
	s.moveAsPlanned(plan, func() { s.declare("invite", fiveDollars(), edit, revised(3, 600, reward.AllPairs)) })
	if plan = s.planned(limited(4, 0, 26_000), revised(4, 500, reward.NewPairs)); plan.Estimate || plan.RollingOut {
		t.Errorf("after the rollout: %s, rolling out %t", short(plan), plan.RollingOut)
	}
}

// What was not decided yet is decided under the edit, and adds to what it moves.
func TestPlanCountsTheUsersWhoAreToBeDecided(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.write(link)
	s.write("INSERT INTO referral.signup (user_id, code) VALUES ('u1', 'alice1'), ('u2', 'alice1'), ('u3', 'alice1')")
	s.converge()
	raised := revised(2, 700, reward.NewPairs)
	for _, step := range []struct {
		fact    string
		pending int64
	}{
		{"INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('u1', 'p', 2500, 'USD'), ('u2', 'p', 2500, 'USD'), ('u4', 'p', 2500, 'USD')", 2},
		{"UPDATE referral.link SET expires_at = now() + interval '1 year'", 3}, // of all of them
		{"INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('other', 'other', 'alice')", 0},
	} {
		s.write(step.fact)
		for _, request := range []engine.PlanRequest{{Declaration: new(s.declaration("invite", raised))}, {}} {
			if plan := s.plan(request); plan.Pending != step.pending {
				t.Errorf("%s: %d users are to be decided, want %d; %s", step.fact, plan.Pending, step.pending, short(plan))
			}
		}
		s.converge()
		if plan := s.planned(raised); plan.Pending != 0 {
			t.Errorf("once all is decided: %d; %s", plan.Pending, short(plan))
		}
	}
}
