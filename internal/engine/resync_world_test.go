package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// resync compares everything now and checks what must hold afterwards.
func (s *shop) resync() database.ResyncStatus {
	s.Helper()
	s.request()
	testworld.Must(s, s.engine.Resync(s.Context()))
	s.consistent()
	return s.status().Resync
}

// request requests a resync of every campaign.
func (s *shop) request() {
	s.Helper()
	for _, name := range s.rows("SELECT name FROM referral.campaign") {
		testworld.Must(s, database.RequestResync(s.Context(), s.db, database.Campaign{OwnerUID: uid, Name: name}, time.Now().String()))
	}
}

// status returns the resync status of the first campaign.
func (s *shop) status() database.CampaignStatus {
	s.Helper()
	status, err := database.ReadStatus(s.Context(), s.db)
	testworld.Must(s, err)
	return status.Campaigns[0]
}

// behind writes where no trigger sees it.
func (s *shop) behind(statements ...string) {
	s.Helper()
	var off, on string
	for _, table := range []string{"link", "touch", "signup", "purchase", "refund", "override", "ledger"} {
		off += "ALTER TABLE referral." + table + " DISABLE TRIGGER USER; "
		on += "; ALTER TABLE referral." + table + " ENABLE TRIGGER USER"
	}
	s.asOwner("BEGIN; " + off + strings.Join(statements, "; ") + on + "; COMMIT")
}

// results are all rows that a resync may put right, without their times.
func (s *shop) results() []string {
	s.Helper()
	var all []string
	for _, sql := range []string{
		"SELECT user_id, campaign, code, referrer_id, label, touched_at::text, source, visitor_id, touch_id, facts, via, pairs, checksum FROM referral.attribution ORDER BY 1",
		"SELECT user_id, purchase_id, campaign, referrer_id, revision, ordinal, qualified_at::text, matures_at::text, state, reason, allowed, postponed, credits FROM referral.pair ORDER BY 1, 2",
		"SELECT user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount, checksum FROM referral.credit ORDER BY 1, 2, 3",
		"SELECT user_id, purchase_id, reward, campaign, beneficiary_id, currency, sum(amount)::text FROM referral.ledger GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(amount) <> 0 ORDER BY 1, 2, 3",
		"SELECT beneficiary_id, currency, earned::text, held::text FROM referral.engine_account WHERE (earned, held) <> (0, 0) ORDER BY 1, 2",
		"SELECT beneficiary_id, currency, adjusted::text, redeemed::text FROM referral.writer_account ORDER BY 1, 2",
		"SELECT campaign, sum(awaiting_purchase)::int, sum(waiting)::int, sum(held)::int, sum(granted)::int, sum(reversed)::int FROM referral.pair_count GROUP BY 1 ORDER BY 1",
		"SELECT campaign, currency, sum(granted)::text, sum(held)::text FROM referral.credit_count GROUP BY 1, 2 ORDER BY 1, 2",
		"SELECT * FROM referral.referrer WHERE pairs <> 0 ORDER BY 1, 2",
	} {
		all = append(all, s.rows(sql)...)
	}
	return all
}

// written lists the transaction that wrote each row of results and of the change queue.
func (s *shop) written() string {
	s.Helper()
	var all []string
	for _, table := range []string{"attribution", "pair", "credit", "ledger", "engine_account", "writer_account", "pair_count", "credit_count", "referrer", "change", "loss", "lost_pair", "incident", "withheld", "deferred", "set_aside", "waitlist", "waitlist_referrer"} {
		all = append(all, s.rows("SELECT '"+table+"', xmin::text, ctid::text FROM referral."+table+" ORDER BY 2, 3")...)
	}
	return strings.Join(all, "\n")
}

// newCrowd returns a shop in which bob's pair is granted, dave's held and carol's reversed; erin
// has no purchase, and zoe is not attributed.
func newCrowd(t testing.TB) *shop {
	t.Helper()
	return newShopWith(t, "a crowd", (*shop).crowd)
}

func (s *shop) crowd() {
	s.Helper()
	const converge = ""
	s.declare("invite", fiveDollars())
	held := fiveDollars()
	held.HoldPeriod = 48 * time.Hour
	held.Rewards = append(held.Rewards, reward.Reward{Name: "friend", Beneficiary: reward.ToReferee, Percentage: &reward.Percentage{Rate: "10"}})
	s.declare("slow", held)
	for _, fact := range []string{
		link, touch, signup, purchase, converge,
		`INSERT INTO referral.link (code, campaign, referrer_id, label) VALUES ('alice2', 'slow', 'alice', 'share-item'), ('ann1', 'invite', 'ann', '')`,
		`INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ('carol', 'ann1', now() - interval '1 h'), ('dave', 'alice2', now() - interval '1 h'),
			('erin', 'alice1', now() - interval '1 h'), ('zoe', NULL, now() - interval '1 h')`,
		`INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES ('v9', 't9', 'alice1', now() - interval '2 h')`,
		`INSERT INTO referral.signup (user_id, visitor_id, signed_up_at) VALUES ('finn', 'v9', now() - interval '1 h')`,
		`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('carol', 'p2', 2500, 'USD'), ('dave', 'p3', 4000, 'USD')`,
	} {
		if fact == converge {
			s.converge()
			continue
		}
		s.write(fact)
	}
	s.converge()
	s.write(`INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('carol', 'p2', 'r', 2500)`)
	s.converge()
}

// drifted checks the counted drift, and that another resync finds nothing.
func (s *shop) drifted(want int64) {
	s.Helper()
	const counted = "SELECT coalesce(sum(drift_corrected), 0)::int FROM referral.resync_campaign"
	s.expect("drift", counted, fmt.Sprint(want))
	before := s.written()
	s.resync()
	s.expect("drift after a second resync", counted, fmt.Sprint(want))
	if diff := cmp.Diff(before, s.written()); diff != "" {
		s.Errorf("the second resync wrote something:\n%s", diff)
	}
}
