package reward

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func key(purchase, reward, beneficiary, currency string) LedgerKey {
	return LedgerKey{PurchaseID: purchase, Reward: reward, Campaign: "invite", BeneficiaryID: beneficiary, Currency: currency}
}

func grantOf(purchase string, credits ...Credit) Decision {
	return Decision{PurchaseID: purchase, Campaign: "invite", Revision: 3, State: Granted, Reason: Qualified, Credits: credits}
}

func creditOf(reward, beneficiary string, cents int64) Credit {
	return Credit{Reward: reward, BeneficiaryID: beneficiary, Money: Money{Amount: cents, Currency: "USD"}}
}

func TestSettleAppendsTheDifferenceToDesiredCredit(t *testing.T) {
	inviter := key("p1", "inviter", "anna", "USD")
	grant := grantOf("p1", creditOf("inviter", "anna", 500))
	refund := Decision{PurchaseID: "p1", Campaign: "invite", Revision: 3, State: Reversed, Reason: Refunded}
	for _, c := range []struct {
		name      string
		decisions []Decision
		sums      []LedgerSum
		want      []Entry
	}{
		{"nothing entered yet: a grant", []Decision{grant}, nil,
			[]Entry{{inviter, 1, 3, 500, Grant, Qualified}}},
		{"entered already: nothing", []Decision{grant}, []LedgerSum{{inviter, 500, 1}}, nil},
		{"a part entered: the difference", []Decision{grant}, []LedgerSum{{inviter, 300, 4}},
			[]Entry{{inviter, 5, 3, 200, Grant, Qualified}}},
		{"too much entered: it is taken back", []Decision{grant}, []LedgerSum{{inviter, 800, 1}},
			[]Entry{{inviter, 2, 3, -300, Reversal, Qualified}}},
		{"reversed: all of it is taken back, with the reason", []Decision{refund}, []LedgerSum{{inviter, 500, 1}},
			[]Entry{{inviter, 2, 3, -500, Reversal, Refunded}}},
		{"reversed and taken back already: nothing", []Decision{refund}, []LedgerSum{{inviter, 0, 2}}, nil},
		{"below zero by damage: it is put right", []Decision{refund}, []LedgerSum{{inviter, -500, 3}},
			[]Entry{{inviter, 4, 3, 500, Grant, Refunded}}},
		{"held: nothing is entered",
			[]Decision{{PurchaseID: "p1", Campaign: "invite", State: Held, Reason: HoldPeriod, Credits: grant.Credits}}, nil, nil},
		{"another beneficiary: taken from the one, given to the other, in this order",
			[]Decision{grantOf("p1", creditOf("inviter", "aaron", 500))}, []LedgerSum{{inviter, 500, 1}},
			[]Entry{
				{inviter, 2, 3, -500, Reversal, Qualified},
				{key("p1", "inviter", "aaron", "USD"), 3, 3, 500, Grant, Qualified},
			}},
		{"another currency: each on its own",
			[]Decision{grant}, []LedgerSum{{key("p1", "inviter", "anna", "EUR"), 500, 1}},
			[]Entry{
				{key("p1", "inviter", "anna", "EUR"), 2, 3, -500, Reversal, Qualified},
				{inviter, 3, 3, 500, Grant, Qualified},
			}},
		{"a reward that is no more is taken back", []Decision{grant},
			[]LedgerSum{{inviter, 500, 1}, {key("p1", "friend", "ben", "USD"), 100, 1}},
			[]Entry{{key("p1", "friend", "ben", "USD"), 2, 3, -100, Reversal, Qualified}}},
		{"seqs go on behind the newest of the purchase and reward, whatever its combination",
			[]Decision{grant}, []LedgerSum{{inviter, 0, 2}, {key("p1", "inviter", "aaron", "USD"), 0, 4}},
			[]Entry{{inviter, 5, 3, 500, Grant, Qualified}}},
		{"what was not decided is left as it is", nil, []LedgerSum{{inviter, 500, 1}}, nil},
		{"the widest step there is", []Decision{grantOf("p1", creditOf("inviter", "anna", math.MaxInt64))}, nil,
			[]Entry{{inviter, 1, 3, math.MaxInt64, Grant, Qualified}}},
		{"entries come by purchase and reward",
			[]Decision{grantOf("p2", creditOf("z", "anna", 1), creditOf("a", "anna", 2)), grantOf("p1", creditOf("m", "anna", 3))}, nil,
			[]Entry{
				{key("p1", "m", "anna", "USD"), 1, 3, 3, Grant, Qualified},
				{key("p2", "a", "anna", "USD"), 1, 3, 2, Grant, Qualified},
				{key("p2", "z", "anna", "USD"), 1, 3, 1, Grant, Qualified},
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 { // in either order of what is there
				got, err := Settle(c.decisions, c.sums)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("settled otherwise (-want +got):\n%s", diff)
				}
				slices.Reverse(c.decisions)
				slices.Reverse(c.sums)
			}
		})
	}
}

func TestSettleRefusesDifferencesOutOfRange(t *testing.T) {
	inviter := key("p1", "inviter", "anna", "USD")
	for name, c := range map[string]struct {
		desired, sum int64
	}{
		"far below":     {500, math.MinInt64},
		"one too far":   {math.MaxInt64, -1},
		"nothing to it": {0, math.MinInt64},
	} {
		decision := grantOf("p1")
		if c.desired > 0 {
			decision.Credits = []Credit{creditOf("inviter", "anna", c.desired)}
		}
		if got, err := Settle([]Decision{decision}, []LedgerSum{{inviter, c.sum, 1}}); err == nil {
			t.Errorf("%s: settled by %v, want an error", name, got)
		}
	}
	for _, c := range [][2]int64{{0, math.MaxInt64}, {math.MaxInt64, 0}, {0, -math.MaxInt64}} {
		if got, ok := difference(c[0], c[1]); !ok || got != c[0]-c[1] {
			t.Errorf("difference(%d, %d) = %d, %t", c[0], c[1], got, ok)
		}
	}
}
