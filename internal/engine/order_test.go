package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/engine"
)

// A server may answer with the same key again and again. No walk follows it.
func TestWalksEndWhenTheServersKeysDoNotAdvance(t *testing.T) {
	const sameEnd = "SELECT 'u001' FROM (SELECT $1::text, $2::bigint) AS asked"
	verify := func(ctx context.Context, s *shop, sql string) error {
		v := engine.NewVerification(s.db, 10, 5)
		v.Replace("verify_range", sql+" FROM (SELECT $1::text, $2::bigint) AS asked")
		_, err := v.Run(ctx, nil)
		return err
	}
	plan := func(ctx context.Context, s *shop, statement, sql string) error {
		d := s.declaration("invite")
		return engine.WalkPlan(ctx, s.db, engine.PlanRequest{Campaign: d.Campaign, Declaration: &d}, statement, sql)
	}
	for name, walk := range map[string]func(context.Context, *shop) error{
		"verification": func(ctx context.Context, s *shop) error {
			return verify(ctx, s, "SELECT 'u001', false, false")
		},
		"verification whose range has no end, and is not the last": func(ctx context.Context, s *shop) error {
			return verify(ctx, s, "SELECT NULL::text, false, false")
		},
		"plan": func(ctx context.Context, s *shop) error {
			return plan(ctx, s, "resync_range", sameEnd)
		},
		"plan that finds the same referees": func(ctx context.Context, s *shop) error {
			return plan(ctx, s, "plan_find", `SELECT 'u001' FROM generate_series(1, @limit::bigint)
				WHERE (@campaign::text, @after::text, @last::text, @attributes::bool) IS DISTINCT FROM NULL`)
		},
		"comparison": func(ctx context.Context, s *shop) error {
			s.engine.Replace("resync_range", sameEnd)
			s.request()
			return s.engine.Resync(ctx)
		},
		"comparison that finds the same referees": func(ctx context.Context, s *shop) error {
			s.engine.Replace("resync_find", "SELECT 'u001' FROM generate_series(1, $3::bigint) WHERE ($1::text, $2::text) IS DISTINCT FROM NULL")
			s.request()
			return s.engine.Resync(ctx)
		},
		"permitted reversals": func(ctx context.Context, s *shop) error {
			s.engine.Replace("resync_permitted", "SELECT 'u001' FROM (SELECT $1::text, $2::bigint) AS asked")
			s.request()
			return s.engine.Resync(ctx)
		},
		"reversal": func(ctx context.Context, s *shop) error {
			s.engine.Replace("reverse_range", "SELECT 'u001', 'p' FROM (SELECT $1::text, $2::text, $3::bigint) AS asked")
			s.askToReverse("invite")
			return s.engine.Converge(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.declare("invite", fiveDollars())
			s.friends(1, 3)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			err := walk(ctx, s)
			if err == nil || !strings.Contains(err.Error(), "the server's answer is impossible") {
				t.Errorf("it ends with %v", err)
			}
		})
	}
}
