package facts_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/tracker/facts"
	"github.com/referral-operator/referral-operator/internal/tracker/links"
)

func TestConcurrentFactsAreEachRecordedOnce(t *testing.T) {
	w := newWorld(t)
	const keys, writers = 50, 8
	var created, same int
	var mu sync.Mutex
	var group sync.WaitGroup
	for i := range keys * writers {
		group.Go(func() {
			p := facts.Purchase{UserID: fmt.Sprintf("u%d", i%keys%7), PurchaseID: fmt.Sprintf("p%d", i%keys), Amount: 100, Currency: "USD"}
			outcome, err := w.store.Purchase(t.Context(), &p)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if outcome.Created {
				created++
			} else {
				same++
			}
		})
	}
	group.Wait()
	if created != keys || same != keys*(writers-1) {
		t.Errorf("%d created, %d the same", created, same)
	}
	w.expect("purchases", "SELECT count(*) FROM referral.purchase", fmt.Sprint(keys))
}

func TestAnInvalidFactFailsNoOtherOfItsBatch(t *testing.T) {
	w := newWorld(t)
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			amount := int64(i - 2) // the API and the database refuse an amount below 0
			_, err := w.store.Purchase(t.Context(), &facts.Purchase{UserID: "u", PurchaseID: fmt.Sprint(i), Amount: amount, Currency: "USD"})
			if (amount < 0) != postgres.Data(err) {
				t.Errorf("amount %d: %v", amount, err)
			}
		})
	}
	group.Wait()
	w.expect("purchases", "SELECT count(*), min(amount) FROM referral.purchase", "38 0")
}

func TestAFactThatFailsInATriggerFailsNoOther(t *testing.T) {
	const given = 40
	for name, does := range map[string]string{
		"it raises an exception":       "RAISE EXCEPTION ''unlucky''",
		"it lacks a right":             "INSERT INTO public.private VALUES (1)",
		"it finds no table":            "INSERT INTO missing VALUES (1)",
		"it finds no function":         "PERFORM missing()",
		"it reaches no other server":   "RAISE EXCEPTION ''no connection'' USING ERRCODE = ''08001''",
		"it takes longer than all may": "PERFORM pg_sleep(60)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			_, err := w.operator.Exec(t.Context(), `CREATE TABLE public.private (n int);
				CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN `+does+`; RETURN NEW; END';
				CREATE TRIGGER note BEFORE INSERT ON referral.purchase FOR EACH ROW WHEN (NEW.amount = 13) EXECUTE FUNCTION public.note()`)
			testworld.Must(t, err)
			var group sync.WaitGroup
			for i := range given {
				group.Go(func() {
					amount := int64(i)
					if i == given-1 {
						amount = 13 // two of them
					}
					_, err := w.store.Purchase(t.Context(), &facts.Purchase{UserID: "u", PurchaseID: fmt.Sprint(i), Amount: amount, Currency: "USD"})
					if (amount == 13) != (err != nil) {
						t.Errorf("purchase %d: %v", i, err)
					}
				})
			}
			group.Wait()
			w.expect("purchases", "SELECT count(*) FROM referral.purchase", fmt.Sprint(given-2))
		})
	}
}

// No fact is at fault, and a part of a batch must not be given up too soon.
func TestFactsOfASlowDatabaseAreRecorded(t *testing.T) {
	w := newWorld(t)
	// The whole batch takes longer than a statement may, and a part of it a quarter of a second.
	_, err := w.operator.Exec(t.Context(), `CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS $$
		DECLARE rows int := coalesce(nullif(current_setting('test.rows', true), ''), '0')::int + 1;
		BEGIN
		    PERFORM set_config('test.rows', rows::text, true),
		            pg_sleep(CASE WHEN rows > 20 THEN 60 WHEN NEW.purchase_id::int % 50 = 0 THEN 0.25 ELSE 0 END);
		    RETURN NEW;
		END $$;
		CREATE TRIGGER slow BEFORE INSERT ON referral.purchase FOR EACH ROW EXECUTE FUNCTION public.slow()`)
	testworld.Must(t, err)
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			_, err := w.store.Purchase(t.Context(), &facts.Purchase{UserID: "u", PurchaseID: fmt.Sprint(i), Amount: 1, Currency: "USD"})
			if err != nil {
				t.Errorf("purchase %d: %v", i, err)
			}
		})
	}
	group.Wait()
	w.expect("purchases", "SELECT count(*) FROM referral.purchase", "100")
}

// One fact is neither recorded nor found, so that no batch with it can be compared: another attempt
// must not take the facts that the first one inserted for facts that were recorded before.
func TestAFactThatIsWrittenAgainIsNew(t *testing.T) {
	w := newWorld(t)
	_, err := w.operator.Exec(t.Context(), `CREATE FUNCTION referral.suppress() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN IF NEW.user_id = ''13'' THEN RETURN NULL; END IF; RETURN NEW; END';
		CREATE TRIGGER a_suppress BEFORE INSERT ON referral.signup FOR EACH ROW EXECUTE FUNCTION referral.suppress();
		CREATE TRIGGER a_suppress BEFORE INSERT ON referral.purchase FOR EACH ROW EXECUTE FUNCTION referral.suppress();
		CREATE TRIGGER a_suppress BEFORE INSERT ON referral.refund FOR EACH ROW EXECUTE FUNCTION referral.suppress();
		CREATE TRIGGER a_suppress BEFORE INSERT ON referral.action FOR EACH ROW EXECUTE FUNCTION referral.suppress()`)
	testworld.Must(t, err)
	for kind, record := range map[string]func(user string) (created bool, err error){
		"signup": func(user string) (bool, error) {
			outcome, err := w.store.SignUp(t.Context(), &facts.Signup{UserID: user})
			return outcome.Created, err
		},
		"purchase": func(user string) (bool, error) {
			outcome, err := w.store.Purchase(t.Context(), &facts.Purchase{UserID: user, PurchaseID: "p", Amount: 1, Currency: "USD"})
			return outcome.Created, err
		},
		"refund": func(user string) (bool, error) {
			outcome, err := w.store.Refund(t.Context(), &facts.Refund{UserID: user, PurchaseID: "p", RefundID: "r", Amount: 1})
			return outcome.Created, err
		},
		"action": func(user string) (bool, error) {
			outcome, err := w.store.Action(t.Context(), &facts.Action{UserID: &user, Action: "view"})
			return outcome.Created, err
		},
	} {
		t.Run(kind, func(t *testing.T) {
			var group sync.WaitGroup
			for i := range 40 {
				group.Go(func() {
					created, err := record(fmt.Sprint(i))
					if i == 13 && !errors.Is(err, facts.ErrVanished) || i != 13 && (err != nil || !created) {
						t.Errorf("fact %d: created %v, %v", i, created, err)
					}
				})
			}
			group.Wait()
		})
	}
}

// A transaction of the shop's keeps rows locked, and more facts wait for them than batches are
// written at a time.
func TestALockedFactFailsNoOther(t *testing.T) {
	w := newWorld(t)
	const locked, others = 24, 40
	_, err := w.writer.Exec(t.Context(), "INSERT INTO referral.signup (user_id) SELECT number::text FROM generate_series(0, $1) AS number", locked+others-1)
	testworld.Must(t, err)
	for kind, test := range map[string]struct {
		lock   string // rows of the first facts
		record func(number int) error
	}{
		"a purchase that is being inserted": {
			"INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'u', number::text, 1, 'USD' FROM generate_series(0, $1) AS number",
			func(number int) error {
				_, err := w.store.Purchase(t.Context(), &facts.Purchase{UserID: "u", PurchaseID: fmt.Sprint(number), Amount: 1, Currency: "USD"})
				return err
			},
		},
		"a signup that gets its visitor": {
			"SELECT FROM referral.signup WHERE user_id::int <= $1 FOR UPDATE",
			func(number int) error {
				_, err := w.store.SignUp(t.Context(), &facts.Signup{UserID: fmt.Sprint(number), VisitorID: new("v")})
				return err
			},
		},
	} {
		t.Run(kind, func(t *testing.T) {
			tx, err := w.operator.Begin(t.Context())
			testworld.Must(t, err)
			defer postgres.Rollback(t.Context(), tx)
			_, err = tx.Exec(t.Context(), test.lock, locked-1)
			testworld.Must(t, err)
			var group sync.WaitGroup
			record := func(first, last int) {
				for number := first; number <= last; number++ {
					group.Go(func() {
						if err := test.record(number); postgres.LockTimeout(err) != (number < locked) || number >= locked && err != nil {
							t.Errorf("fact %d: %v", number, err)
						}
					})
				}
			}
			record(0, locked-2)
			w.await(t, "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
			record(0, locked+others-1)
			group.Wait()
		})
	}
	w.expect("purchases", "SELECT count(*) FROM referral.purchase", fmt.Sprint(others))
	w.expect("visitors", "SELECT count(visitor_id) FROM referral.signup", fmt.Sprint(others))
}

// A checkout of the shop's keeps an account locked.
func TestRedemptionsThatWaitForALockKeepUpNoOtherWrite(t *testing.T) {
	w := newWorld(t)
	for _, beneficiary := range []string{"alice", "bob"} {
		w.credit(beneficiary, 1000)
	}
	small, err := postgres.Open(t.Context(), postgres.Config{URI: w.own.WriterURI, Schema: postgres.DefaultSchema, MaxConnections: 4})
	testworld.Must(t, err)
	defer small.Close()
	store := facts.New(small, small)
	redeem := func(ctx context.Context, beneficiary string, number int) error {
		_, err := store.Redeem(ctx, &facts.Redemption{BeneficiaryID: beneficiary, RedemptionID: fmt.Sprint(number), Amount: 1, Currency: "USD"}, "")
		return err
	}
	checkout, err := w.writer.Begin(t.Context())
	testworld.Must(t, err)
	defer postgres.Rollback(t.Context(), checkout)
	_, err = checkout.Exec(t.Context(), "INSERT INTO referral.redemption (beneficiary_id, redemption_id, amount, currency) VALUES ('alice', 'checkout', 1, 'USD')")
	testworld.Must(t, err)

	var group sync.WaitGroup
	for number := range 40 { // for more seconds than a caller waits, one after another
		group.Go(func() {
			if err := redeem(t.Context(), "alice", number); err != nil && !postgres.LockTimeout(err) {
				t.Errorf("redemption %d: %v", number, err)
			}
		})
	}
	w.await(t, "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // as patient as a caller
	defer cancel()
	if _, err := store.SignUp(ctx, &facts.Signup{UserID: "u"}); err != nil {
		t.Errorf("the signup: %v", err)
	}
	if _, err := store.Link(ctx, &facts.Link{Campaign: "c", ReferrerID: "r"}, links.NewCode); err != nil {
		t.Errorf("the link: %v", err)
	}
	if err := redeem(ctx, "bob", 0); err != nil {
		t.Errorf("the redemption of another account: %v", err)
	}
	postgres.Rollback(t.Context(), checkout)
	group.Wait()
}

func TestAFactWhoseRequestEndsBeforeTheWriteIsNotWritten(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.store.Purchase(ctx, &facts.Purchase{UserID: "u", PurchaseID: "p", Amount: 1, Currency: "USD"})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	// The next fact is written as usual.
	_, err = w.store.Purchase(t.Context(), &facts.Purchase{UserID: "u", PurchaseID: "q", Amount: 1, Currency: "USD"})
	testworld.Must(t, err)
	w.expect("purchases", "SELECT purchase_id FROM referral.purchase", "q")
}

func TestConcurrentRequestsForALinkGetTheSameOne(t *testing.T) {
	w := newWorld(t)
	var group sync.WaitGroup
	codes := make(chan string, 30)
	for range cap(codes) {
		group.Go(func() {
			outcome, err := w.store.Link(t.Context(), &facts.Link{Campaign: "c", ReferrerID: "r"}, links.NewCode)
			if err != nil {
				t.Error(err)
				return
			}
			codes <- *outcome.Stored.Code
		})
	}
	group.Wait()
	close(codes)
	seen := map[string]bool{}
	for code := range codes {
		seen[code] = true
	}
	if len(seen) != 1 {
		t.Errorf("got %d codes", len(seen))
	}
}

// A link that a visitor follows may have any code. In lower case U+0130 has two characters, so a code
// of 255 may have more than an action can have.
func TestActionsAreCountedForNoCodeThatIsTooLong(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("\u0130", 255)
	_, err := w.writer.Exec(t.Context(), `INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at)
		VALUES ('v', '1', 'Ann1', now() - interval '2 hours'), ('v', '2', $1, now() - interval '1 hour'), ('other', '3', $1, now() - interval '1 hour')`, long)
	testworld.Must(t, err)
	batch, err := w.store.Record(t.Context(), []facts.Fact{
		&facts.Action{VisitorID: new("v"), Action: "by touch"}, &facts.Action{VisitorID: new("other"), Action: "by long touch"},
		&facts.Action{VisitorID: new("third"), Action: "by token", Followed: long},
	})
	testworld.Must(t, err)
	if diff := cmp.Diff([]bool{true, true, true}, batch.Created); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	w.expect("codes", "SELECT action, coalesce(code, 'none') FROM referral.action ORDER BY action", "by long touch none", "by token none", "by touch ann1")
}

// Also while credit is taken back at the same time.
func TestConcurrentRedemptionsNeverExceedAvailableCredit(t *testing.T) {
	w := newWorld(t)
	w.credit("b", 1000)
	var group sync.WaitGroup
	var mu sync.Mutex
	spent := 0
	for i := range 30 {
		group.Go(func() {
			_, err := w.store.Redeem(t.Context(), &facts.Redemption{BeneficiaryID: "b", RedemptionID: fmt.Sprint(i), Amount: 90, Currency: "USD"}, "")
			var insufficient *facts.Insufficient
			switch {
			case err == nil:
				mu.Lock()
				defer mu.Unlock()
				spent++
			case !errors.As(err, &insufficient):
				t.Error(err)
			}
		})
		if i%10 == 0 {
			group.Go(func() { w.credit("b", -100) })
		}
	}
	group.Wait()
	if spent > 11 {
		t.Errorf("spent %d times", spent)
	}
	w.expect("balance", fmt.Sprintf("SELECT available = 700 - 90 * %d FROM referral.balance", spent), "true")
}
