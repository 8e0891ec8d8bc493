package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

// Each write twice, and then something else under its key.
func TestRepeatedFactAnswersTheStoredOne(t *testing.T) {
	w := newWorld(t)
	_, err := w.operator.Exec(t.Context(), "INSERT INTO referral.adjustment (beneficiary_id, adjustment_id, amount, currency) VALUES ('b', 'a', 100, 'USD')")
	testworld.Must(t, err)
	for target, test := range map[string]struct {
		body, other string
		differs     []string
	}{
		"/v1/links": {
			`{"code": "Summer-Sale", "campaign": "c", "referrer_id": "r", "destination": "https://mysite.test/x"}`,
			`{"code": "summer-sale", "campaign": "c", "referrer_id": "another"}`,
			[]string{"body.referrer_id"},
		},
		signups: {
			`{"user_id": "u", "visitor_id": "v", "code": " ABC ", "fingerprints": ["a"], "signed_up_at": "2026-11-05T12:00:00.1234567+01:00"}`,
			`{"user_id": "u", "code": "def", "signed_up_at": "2026-11-05T12:00:00Z"}`,
			[]string{"body.code", "body.signed_up_at"},
		},
		purchases: {
			`{"user_id": "u", "purchase_id": "p", "amount": 9223372036854775807, "currency": "USD", "attributes": {"big": 12345678901234567890, "f": 1.50}}`,
			`{"user_id": "u", "purchase_id": "p", "amount": 9223372036854775806, "currency": "EUR", "attributes": {"big": 12345678901234567890, "f": 1.5}}`,
			[]string{"body.amount", "body.currency"},
		},
		"/v1/refunds": {
			`{"user_id": "u", "purchase_id": "p", "refund_id": "r", "amount": 1}`,
			`{"user_id": "u", "purchase_id": "p", "refund_id": "r", "amount": 2}`,
			[]string{"body.amount"},
		},
		"/v1/actions": {
			`{"user_id": "u", "action_id": "a", "action": "view"}`,
			`{"user_id": "u", "action_id": "a", "action": "buy", "target": "sofa"}`,
			[]string{"body.action", "body.target"},
		},
		"/v1/redemptions": {
			`{"beneficiary_id": "b", "redemption_id": "r", "amount": 60, "currency": "USD", "reason": "order 7"}`,
			`{"beneficiary_id": "b", "redemption_id": "r", "amount": 70, "currency": "USD"}`,
			[]string{"body.amount"},
		},
	} {
		t.Run(target, func(t *testing.T) {
			first := w.post(target, test.body, http.StatusCreated).body
			again := w.post(target, test.body, http.StatusOK).body
			if diff := cmp.Diff(valued(t, first), valued(t, again)); diff != "" {
				t.Errorf("the answer to the second (-first +second):\n%s", diff)
			}
			got := w.post(target, test.other, http.StatusConflict)
			if diff := cmp.Diff(test.differs, got.places(t)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if p := got.problem(t); !strings.HasSuffix(p.Type, ":conflict") {
				t.Errorf("its type is %s", p.Type)
			}
		})
	}
}

func TestPurchaseOfZeroIsRecorded(t *testing.T) {
	w := newWorld(t)
	free := `{"user_id": "u", "purchase_id": "free", "amount": 0, "currency": "USD"}`
	w.post(purchases, free, http.StatusCreated)
	w.post(purchases, free, http.StatusOK)
	got := w.post("/v1/batch", `{"facts": [{"kind": "purchase", "user_id": "u", "purchase_id": "free2", "amount": 0, "currency": "USD"}]}`, http.StatusCreated)
	if diff := cmp.Diff([]int{http.StatusCreated}, statuses(t, got.body)); diff != "" {
		t.Errorf("in a batch (-want +got):\n%s", diff)
	}
	w.expect("purchases", "SELECT purchase_id, amount FROM referral.purchase ORDER BY 1", "free 0", "free2 0")
}

// valued is an object with what attributes are worth, not how they are written.
func valued(t *testing.T, body string) (members map[string]any) {
	t.Helper()
	testworld.Must(t, json.Unmarshal([]byte(body), &members))
	return members
}

func TestLinkWithoutACodeIsCreatedOnce(t *testing.T) {
	w := newWorld(t)
	code := func(body string, status int) string {
		t.Helper()
		var link struct{ Code string }
		testworld.Must(t, json.Unmarshal([]byte(w.post("/v1/links", body, status).body), &link))
		return link.Code
	}
	first := code(`{"campaign": "c", "referrer_id": "r"}`, http.StatusCreated)
	if again := code(`{"campaign": "c", "referrer_id": "r", "label": ""}`, http.StatusOK); again != first {
		t.Errorf("another link: %s, %s", first, again)
	}
	for _, other := range []string{
		`{"campaign": "d", "referrer_id": "r"}`, `{"campaign": "c", "referrer_id": "s"}`,
		`{"campaign": "c", "referrer_id": "r", "label": "share"}`, `{"campaign": "c", "referrer_id": "r", "destination": "https://mysite.test/"}`,
	} {
		if got := code(other, http.StatusCreated); got == first {
			t.Errorf("%s has the same link", other)
		}
	}
	_, err := w.operator.Exec(t.Context(), "UPDATE referral.link SET disabled_at = now() WHERE code = $1", first)
	testworld.Must(t, err)
	if got := code(`{"campaign": "c", "referrer_id": "r"}`, http.StatusCreated); got == first {
		t.Error("a disabled link was handed out")
	}
}

// A retry finds the link that the first request created, also if that expired in between.
func TestLinkWithAnExpiryThatHasPassedIsCreatedOnce(t *testing.T) {
	w := newWorld(t)
	const (
		past    = `{"campaign": "c", "referrer_id": "r", "expires_at": "2020-01-01T00:00:00.1234567Z"}`
		earlier = `{"campaign": "c", "referrer_id": "r", "expires_at": "2019-01-01T00:00:00Z"}`
		none    = `{"campaign": "c", "referrer_id": "r"}`
	)
	first := w.post("/v1/links", past, http.StatusCreated).body
	if again := w.post("/v1/links", past, http.StatusOK).body; again != first {
		t.Errorf("another link: %s, %s", first, again)
	}
	w.post("/v1/links", earlier, http.StatusCreated)
	live := w.post("/v1/links", none, http.StatusCreated).body
	if live == first {
		t.Error("an expired link was handed out")
	}
	if again := w.post("/v1/links", past, http.StatusOK).body; again != first {
		t.Errorf("beside a live link: %s, %s", first, again)
	}
	if again := w.post("/v1/links", none, http.StatusOK).body; again != live {
		t.Errorf("beside an expired link: %s, %s", live, again)
	}
	w.expect("links", "SELECT count(*) FROM referral.link", "3")
}

func TestInvalidVisitorIsLeftOutOfASignup(t *testing.T) {
	w := newWorld(t)
	cookie := visitor.New().Touched(visitor.NewTouch("abc", time.Now()), time.Hour)
	good := w.keys.Seal(cookie, time.Now(), time.Hour)
	other, err := visitor.ParseKeys([]byte(strings.Repeat("cd", 32)))
	testworld.Must(t, err)
	for name, test := range map[string]struct {
		visitor string
		warned  bool
	}{
		"its token":       {good, false},
		"no cookie":       {"", false},
		"an id":           {"visitor-7", true},
		"outdated":        {w.keys.Seal(cookie, time.Now().Add(-2*time.Hour), time.Hour), true},
		"of other keys":   {other.Seal(cookie, time.Now(), time.Hour), true},
		"cut short":       {good[:len(good)/2], true},
		"a bit flipped":   {good[:20] + string(good[20]^1) + good[21:], true},
		"64 KiB":          {visitor.Prefix + strings.Repeat("A", 64<<10), true},
		"64 KiB of an id": {strings.Repeat("A", 64<<10), true},
		"U+0000":          {"\x00", true},
		"U+0000 in it":    {good + "\x00", true},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := json.Marshal(map[string]string{"user_id": name, "visitor": test.visitor})
			testworld.Must(t, err)
			got := w.post(signups, string(body), http.StatusCreated)
			if warned := strings.Contains(got.body, "visitor was left out"); warned != test.warned {
				t.Errorf("got %s", got.body)
			}
			w.post(signups, string(body), http.StatusOK)
		})
	}
	w.expect("touches", "SELECT code, visitor_id = '"+cookie.VisitorID+"' FROM referral.touch", "abc true")
	if len(w.refused) != 2*9 {
		t.Errorf("refused: %v", w.refused)
	}
	w.expect("visitors", "SELECT user_id FROM referral.signup WHERE visitor_id IS NOT NULL", "its token")
	// A newer token of the same visitor is the same signup.
	newer := w.keys.Seal(cookie.Touched(visitor.NewTouch("def", time.Now()), time.Hour), time.Now(), time.Hour)
	w.post(signups, `{"user_id": "its token", "visitor": "`+newer+`"}`, http.StatusOK)
}

// The replica that took the signup did not have the key of its token yet, and the signup was
// attributed by its code meanwhile.
func TestTokenThatComesTooLateIsLeftOutOfASignup(t *testing.T) {
	w := newWorld(t)
	w.declare("spring")
	w.post("/v1/links", `{"campaign": "spring", "referrer_id": "ann", "code": "ann1"}`, http.StatusCreated)
	cookie := visitor.New().Touched(visitor.NewTouch("ann1", time.Now()), time.Hour)
	next, err := visitor.ParseKeys([]byte(strings.Repeat("cd", 32)))
	testworld.Must(t, err)
	token := next.Seal(cookie, time.Now(), time.Hour)
	bodies := map[string]string{
		"short": `"user_id": "short", "code": "ann1", "visitor": "` + token + `"`,
		"long":  `"user_id": "long", "code": "ann1", "visitor": "` + token + `", "attributes": {"a": "` + strings.Repeat("x", 60_000) + `"}`,
	}
	for _, body := range bodies {
		w.post(signups, "{"+body+"}", http.StatusCreated)
	}
	w.converge()
	w.keys = next
	const warning = "visitor was left out: the signup is attributed already"
	for name, body := range bodies {
		if got := w.post(signups, "{"+body+"}", http.StatusOK); !strings.Contains(got.body, warning) || strings.Contains(got.body, cookie.VisitorID) {
			t.Errorf("%s: %.300s", name, got.body)
		}
		if got := w.post("/v1/batch", `{"facts": [{"kind": "signup", `+body+`}]}`, http.StatusOK); !strings.Contains(got.body, warning) {
			t.Errorf("%s in a batch: %s", name, got.body)
		}
		w.post(signups, "{"+strings.Replace(body, "ann1", "bob1", 1)+"}", http.StatusConflict)
		explicit := fmt.Sprintf(`{"user_id": %q, "visitor_id": %q}`, name, cookie.VisitorID)
		w.post(signups, explicit, http.StatusConflict)
	}
	w.expect("visitors", "SELECT count(*), count(visitor_id) FROM referral.signup", "2 0")
}

// For instance by a trigger or a constraint of the shop's own: a signup must not fail for it.
func TestTouchThatTheDatabaseRefusesIsLeftOutOfASignup(t *testing.T) {
	w := newWorld(t)
	w.exec(`CREATE FUNCTION referral.refuse() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN IF NEW.code = ''unlucky'' THEN RAISE EXCEPTION ''refused''; END IF; RETURN NEW; END'`)
	w.exec("CREATE FUNCTION referral.refuse_late() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''refused at the commit''; END'")
	w.exec("CREATE TABLE public.private (n int)") // a writer has no right to it
	w.exec("CREATE FUNCTION referral.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.private VALUES (1); RETURN NEW; END'")
	w.exec("CREATE TRIGGER refuse BEFORE INSERT ON referral.touch FOR EACH ROW EXECUTE FUNCTION referral.refuse()")
	w.exec("ALTER TABLE referral.touch ADD CHECK (code <> 'banned')")
	w.exec("CREATE CONSTRAINT TRIGGER late AFTER INSERT ON referral.touch DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.code = 'late') EXECUTE FUNCTION referral.refuse_late()")
	w.exec("CREATE TRIGGER note BEFORE INSERT ON referral.touch FOR EACH ROW WHEN (NEW.code = 'noted') EXECUTE FUNCTION referral.note()")
	const warning = "a touch of the visitor was left out: the database refuses it"
	signup := func(user string, codes ...string) string {
		token := visitor.New()
		for _, code := range codes {
			token = token.Touched(visitor.NewTouch(code, time.Now()), time.Hour)
		}
		return `"user_id": "` + user + `", "visitor": "` + w.keys.Seal(token, time.Now(), time.Hour) + `"`
	}
	for _, code := range []string{"late", "unlucky", "banned", "noted"} {
		got := w.post(signups, "{"+signup(code+" alone", "fine-1", code)+"}", http.StatusCreated)
		if !strings.Contains(got.body, warning) {
			t.Errorf("%s: %s", code, got.body)
		}
		got = w.post("/v1/batch", `{"facts": [{"kind": "signup", `+signup(code+" with others", code, "fine-2")+`}, {"kind": "signup", `+
			signup(code+" another", "fine-3")+`}]}`, http.StatusCreated)
		if strings.Count(got.body, warning) != 1 || strings.Index(got.body, warning) > strings.LastIndex(got.body, "status") {
			t.Errorf("%s in a batch: %s", code, got.body)
		}
	}
	if log := w.logged.String(); !strings.Contains(log, "a touch that the database refuses") || !strings.Contains(log, "refused at the commit") {
		t.Errorf("logged:\n%s", log)
	}
	w.expect("touches", "SELECT code, count(*) FROM referral.touch GROUP BY code ORDER BY code", "fine-1 4", "fine-2 4", "fine-3 4")
	w.expect("visitors", "SELECT count(*) = count(visitor_id) FROM referral.signup", "true")
}

func TestVisitorThatCannotBeStoredIsLeftOut(t *testing.T) {
	w := newWorld(t)
	for name, target := range map[string]string{"signup": signups, "action": "/v1/actions"} {
		fact := `"user_id": "u", "visitor": "r1.\u0000"`
		if name == "action" {
			fact += `, "action": "view"`
		}
		const warning = "visitor was left out: the visitor token is malformed"
		if got := w.post(target, "{"+fact+"}", http.StatusCreated); !strings.Contains(got.body, warning) {
			t.Errorf("%s: %s", name, got.body)
		}
		if got := w.post("/v1/batch", `{"facts": [{"kind": "`+name+`", `+fact+`}]}`, http.StatusOK); !strings.Contains(got.body, warning) {
			t.Errorf("%s of a batch: %s", name, got.body)
		}
		got := w.post(target, `{"visitor": "\u0000", "attributes": {"visitor": "\u0000"}}`, http.StatusUnprocessableEntity)
		if diff := cmp.Diff([]string{"body.attributes.visitor"}, got.places(t)); diff != "" {
			t.Errorf("%s: attributes (-want +got):\n%s", name, diff)
		}
	}
}

// A shop's outbox delivers what occurred while the tracker was away.
func TestTokenCountsAsOfTheEvent(t *testing.T) {
	w := newWorld(t)
	const window = 24 * time.Hour
	touched := time.Now().Add(-2 * window)
	token := w.keys.Seal(visitor.New().Touched(visitor.NewTouch("abc", touched), window), touched, window)
	within, beyond, ahead := touched.Add(window), touched.Add(window+time.Second), time.Now().Add(window)
	for user, test := range map[string]struct {
		occurred *time.Time
		counts   bool
	}{
		"within":   {&within, true},
		"beyond":   {&beyond, false},
		"ahead":    {&ahead, false},
		"not said": {nil, false},
	} {
		signup, err := json.Marshal(map[string]any{"user_id": user, "visitor": token, "signed_up_at": test.occurred})
		testworld.Must(t, err)
		got := w.post(signups, string(signup), http.StatusCreated)
		if counts := !strings.Contains(got.body, "visitor was left out"); counts != test.counts {
			t.Errorf("signup, %s: %s", user, got.body)
		}
		action, err := json.Marshal(map[string]any{"user_id": user, "visitor": token, "action": "view", "acted_at": test.occurred})
		testworld.Must(t, err)
		got = w.post("/v1/actions", string(action), http.StatusCreated)
		if counts := !strings.Contains(got.body, "visitor was left out"); counts != test.counts {
			t.Errorf("action, %s: %s", user, got.body)
		}
	}
	w.expect("visitors", "SELECT user_id FROM referral.signup WHERE visitor_id IS NOT NULL", "within")
	w.expect("touches", "SELECT code FROM referral.touch", "abc")
}

func TestActionOfAUserIsTheSameOnEachDevice(t *testing.T) {
	w := newWorld(t)
	const action = `{"user_id": "bob", "action": "view", "target": "thing-7", `
	w.post("/v1/actions", action+`"visitor_id": "phone"}`, http.StatusCreated)
	w.post("/v1/actions", action+`"visitor_id": "laptop"}`, http.StatusOK)
	w.post("/v1/actions", action+`"visitor_id": "phone", "action_id": "a"}`, http.StatusCreated)
	w.post("/v1/actions", action+`"visitor_id": "laptop", "action_id": "a"}`, http.StatusConflict)
	w.expect("visitors", "SELECT visitor_id FROM referral.action ORDER BY action_id", "phone", "phone")
}

func TestConflictRepeatsNoLongValue(t *testing.T) {
	w := newWorld(t)
	purchase := func(attribute string) string {
		return `{"user_id": "u", "purchase_id": "p", "amount": 1, "currency": "USD", "attributes": {"a": "` + attribute + `"}}`
	}
	w.post(purchases, purchase(strings.Repeat("x", 60000)), http.StatusCreated)
	if got := w.post(purchases, purchase("y"), http.StatusConflict); len(got.body) > 1000 || !strings.Contains(got.body, "body.attributes") {
		t.Errorf("%d bytes: %.300s", len(got.body), got.body)
	}
}

func TestAnswerRepeatsLongValuesOfTheFact(t *testing.T) {
	w := newWorld(t)
	attributes := `"attributes": {"a": "` + strings.Repeat("x", 60_000) + `", "b": [` + strings.Repeat("1e300,", 10) + `1]}`
	fingerprints := make([]string, 64)
	for i := range fingerprints {
		fingerprints[i] = fmt.Sprint(strings.Repeat("é", 200), i)
	}
	list, err := json.Marshal(fingerprints)
	testworld.Must(t, err)
	signup := `{"user_id": "u", "code": "abc", ` + attributes + `, "fingerprints": ` + string(list) + `}`
	purchase := `{"user_id": "u", "purchase_id": "p", "amount": 2500, "currency": "USD", ` + attributes + `}`
	for i, status := range []int{http.StatusCreated, http.StatusOK} {
		var signedUp, bought struct {
			UserID       string `json:"user_id"`
			Code         string
			Amount       int64
			Fingerprints []string
			Attributes   struct{ A string }
			ArrivedAt    time.Time `json:"arrived_at"`
		}
		testworld.Must(t, json.Unmarshal([]byte(w.post(signups, signup, status).body), &signedUp))
		if signedUp.UserID != "u" || signedUp.Code != "abc" || len(signedUp.Attributes.A) != 60_000 || signedUp.ArrivedAt.IsZero() {
			t.Errorf("signup, time %d: %+.300v", i, signedUp)
		}
		if diff := cmp.Diff(fingerprints, signedUp.Fingerprints); diff != "" {
			t.Errorf("fingerprints, time %d (-want +got):\n%s", i, diff)
		}
		testworld.Must(t, json.Unmarshal([]byte(w.post(purchases, purchase, status).body), &bought))
		if bought.Amount != 2500 || len(bought.Attributes.A) != 60_000 || bought.ArrivedAt.IsZero() {
			t.Errorf("purchase, time %d: %+.300v", i, bought)
		}
	}
	for name, rest := range map[string]string{
		"numbers": attributes, "fingerprints": `"fingerprints": ` + string(list), "empty attributes": `"attributes": { }, "fingerprints": ` + string(list),
		"no fingerprints": attributes + `, "fingerprints": []`, "escapes": `"attributes": {"b": "` + strings.Repeat(`\u00e9\n`, 2000) + `", "a": 1}`,
	} {
		signup := fmt.Sprintf(`{"user_id": %q, %s}`, name, rest)
		first, again := w.post(signups, signup, http.StatusCreated).body, w.post(signups, signup, http.StatusOK).body
		if diff := cmp.Diff(valued(t, first), valued(t, again)); diff != "" {
			t.Errorf("%s (-first +second):\n%.1000s", name, diff)
		}
	}
	w.post(signups, strings.Replace(signup, "é0", "e0", 1), http.StatusConflict)
	w.post(signups, `{"user_id": "u", "fingerprints": []}`, http.StatusConflict)
	w.post(signups, `{"user_id": "u"}`, http.StatusOK)
}

func TestVisitorIDIsAFieldOfItsOwn(t *testing.T) {
	w := newWorld(t)
	cookie := visitor.New().Touched(visitor.NewTouch("abc", time.Now()), time.Hour)
	good := w.keys.Seal(cookie, time.Now(), time.Hour)
	for user, test := range map[string]struct{ fields, stored, warning string }{
		"id":                      {`"visitor_id": "v7"`, "v7", ""},
		"empty id":                {`"visitor_id": ""`, "", ""},
		"255 of any alphabet":     {`"visitor_id": "` + strings.Repeat("é", 255) + `"`, strings.Repeat("é", 255), ""},
		"token as id":             {`"visitor_id": "v4.local.AAAA"`, "", "visitor_id was left out"},
		"new token as id":         {`"visitor_id": "r1.AAAA"`, "", "visitor_id was left out"},
		"id beside invalid":       {`"visitor": "r1.AAAA", "visitor_id": "v7"`, "v7", "visitor was left out"},
		"id beside its token":     {`"visitor": "` + good + `", "visitor_id": "` + cookie.VisitorID + `"`, cookie.VisitorID, ""},
		"id beside other token":   {`"visitor": "` + good + `", "visitor_id": "v7"`, cookie.VisitorID, "visitor_id was left out"},
		"id in the token's place": {`"visitor": "v7"`, "", "visitor was left out"},
	} {
		got := w.post(signups, `{"user_id": "`+user+`", `+test.fields+`}`, http.StatusCreated)
		if warned := strings.Contains(got.body, "left out"); warned != (test.warning != "") || !strings.Contains(got.body, test.warning) {
			t.Errorf("%s: %s", user, got.body)
		}
		w.expect(user, "SELECT coalesce(visitor_id, '') FROM referral.signup WHERE user_id = '"+strings.ReplaceAll(user, "'", "''")+"'", test.stored)
	}
	w.post(signups, `{"user_id": "u", "visitor_id": "`+strings.Repeat("é", 256)+`"}`, http.StatusUnprocessableEntity)
	w.post("/v1/actions", `{"visitor_id": "v7", "action": "view"}`, http.StatusCreated)
	w.post("/v1/actions", `{"visitor": "v7", "action": "view"}`, http.StatusUnprocessableEntity)
}

func TestListsArePaged(t *testing.T) {
	w := newWorld(t)
	for _, label := range []string{"a", "b", "c", "d", "e"} {
		w.post("/v1/links", `{"campaign": "c", "referrer_id": "r/1", "label": "`+label+`"}`, http.StatusCreated)
	}
	seen := map[string]bool{}
	target := "/v1/referrers/r%2F1/links?limit=2"
	for pages := 1; ; pages++ {
		var got struct {
			Links []struct {
				Code, URL, Campaign, Label string
				ReferrerID                 string `json:"referrer_id"`
				CreatedAt                  string `json:"created_at"`
				Touches                    int
				Actions                    map[string]int
			}
			NextCursor string `json:"next_cursor"`
		}
		w.get(target, &got)
		for _, link := range got.Links {
			seen[link.Label] = true
		}
		if got.NextCursor == "" {
			if pages != 3 || len(seen) != 5 {
				t.Errorf("%d pages, %v", pages, seen)
			}
			return
		}
		target = "/v1/referrers/r%2F1/links?limit=2&cursor=" + got.NextCursor
	}
}

// SQL may write facts that HTTP refuses. A repetition of such a fact by HTTP shares its statement
// with the facts of others, which must not fail with it.
func TestStoredFactOfSQLFailsNoOtherFact(t *testing.T) {
	const purchase = `{"user_id": %q, "purchase_id": "p", "amount": 1, "currency": "USD"}`
	for name, test := range map[string]struct {
		sql, target, body string
		status            int
		places            []string
	}{
		"a fingerprint that is null": {`INSERT INTO referral.signup (user_id, fingerprints) VALUES ('sql', '{a,NULL}')`,
			signups, `{"user_id": %q, "fingerprints": ["a"]}`, http.StatusOK, nil},
		"fingerprints in two dimensions": {`INSERT INTO referral.signup (user_id, fingerprints) VALUES ('sql', '{{a,b},{c,d}}')`,
			signups, `{"user_id": %q, "fingerprints": ["d", "c", "b", "a"]}`, http.StatusOK, nil},
		"a large fingerprint": {`INSERT INTO referral.signup (user_id, fingerprints) VALUES ('sql', ARRAY[repeat('x', 100000)])`,
			signups, `{"user_id": %q}`, http.StatusConflict, []string{"body.fingerprints"}},
		"a signup's attributes of more than 4 MiB": {`INSERT INTO referral.signup (user_id, attributes)
			SELECT 'sql', jsonb_build_object('x', repeat('x', 4300000))`,
			signups, `{"user_id": %q, "attributes": {"a": 1}}`, http.StatusConflict, []string{"body.attributes"}},
		"a purchase's attributes of more than 4 MiB": {`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, attributes)
			SELECT 'sql', 'p', 1, 'USD', jsonb_build_object('x', repeat('x', 4300000))`,
			purchases, purchase, http.StatusConflict, []string{"body.attributes"}},
		"a time after the year 9999": {`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at)
			VALUES ('sql', 'p', 1, 'USD', '20000-01-01')`, purchases, purchase, http.StatusOK, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.operator.Exec(t.Context(), test.sql)
			testworld.Must(t, err)
			var group sync.WaitGroup
			for i := range 60 {
				group.Go(func() {
					if i != 27 {
						w.post(test.target, fmt.Sprintf(test.body, fmt.Sprint("user-", i)), http.StatusCreated)
						return
					}
					got := w.post(test.target, fmt.Sprintf(test.body, "sql"), test.status)
					if test.status == http.StatusOK {
						return
					}
					if diff := cmp.Diff(test.places, got.places(t)); diff != "" || !strings.Contains(got.body, "more than 64 KiB") {
						t.Errorf("(-want +got):\n%s%s", diff, got.body)
					}
				})
			}
			group.Wait()
		})
	}
}

func TestNullMeansNotGiven(t *testing.T) {
	w := newWorld(t)
	for target, bodies := range map[string][2]string{
		signups: {
			`{"user_id": "u", "visitor": null, "visitor_id": null, "code": null, "signed_up_at": null, "fingerprints": null, "attributes": null}`,
			`{"user_id": "u"}`,
		},
		purchases: {purchase("attributes=null"), purchase("attributes=")},
		"/v1/batch": {
			`{"facts": [{"kind": "signup", "user_id": "v", "attributes": null}]}`,
			`{"facts": [{"kind": "signup", "user_id": "v"}]}`,
		},
	} {
		w.post(target, bodies[0], http.StatusCreated)
		w.post(target, bodies[1], http.StatusOK)
		w.post(target, bodies[0], http.StatusOK)
	}
	if strings.Contains(w.logged.String(), "WARN") {
		t.Errorf("logged: %s", w.logged.String())
	}
}

func TestEachNextCursorIsAccepted(t *testing.T) {
	w := newWorld(t)
	w.declare("c")
	w.post("/v1/links", `{"campaign": "c", "referrer_id": "r", "code": "abc"}`, http.StatusCreated)
	for _, last := range []string{"1", "2"} {
		id := strings.Repeat("&", 254) + last // six bytes each in JSON
		w.post(signups, fmt.Sprintf(`{"user_id": %q, "code": "abc"}`, id), http.StatusCreated)
		w.post(purchases, fmt.Sprintf(`{"user_id": %q, "purchase_id": %q, "amount": 100, "currency": "USD"}`, id, id), http.StatusCreated)
	}
	w.converge()
	var first, second struct {
		Credits    []any
		NextCursor string `json:"next_cursor"`
	}
	w.get("/v1/referrers/r/credits?limit=1", &first)
	w.get("/v1/referrers/r/credits?limit=1&cursor="+first.NextCursor, &second)
	if len(second.Credits) != 1 || second.NextCursor != "" {
		t.Errorf("the second page: %v", second)
	}
}

func TestActionWithoutAnIDIsTheSameInAnySpellingOfItsCode(t *testing.T) {
	w := newWorld(t)
	w.post("/v1/actions", `{"user_id": "u", "action": "view", "code": "ABC"}`, http.StatusCreated)
	w.post("/v1/actions", `{"user_id": "u", "action": "view", "code": "abc"}`, http.StatusOK)
	w.post("/v1/actions", `{"user_id": "u", "action": "view", "code": " Abc\t"}`, http.StatusOK)
	w.post("/v1/actions", `{"user_id": "u", "action": "view", "code": "other"}`, http.StatusCreated)
	w.post("/v1/batch", `{"facts": [{"kind": "action", "user_id": "u", "action": "view", "code": "ABC "}]}`, http.StatusOK)
	w.post("/v1/actions", `{"user_id": "u", "action": "view", "code": " "}`, http.StatusCreated)
	w.post("/v1/actions", `{"user_id": "u", "action": "view"}`, http.StatusOK)
}

// The lower case of some letters is not the same in the database as in Go: in most of ICU's locales
// that of a sigma at the end of a word, and of an I with a dot.
func TestActionWithoutAnIDHasTheCodeOfTheDatabase(t *testing.T) {
	w := newWorld(t)
	for _, codes := range [][2]string{{"ΟΔΟΣ", "οδος"}, {"ΟΔΟΣ1", "οδοσ1"}, {"İ", "i"}, {"İ", "i̇"}, {"\u212a", "k"}, {"É", "é"}, {"I", "i"}} {
		var same bool
		testworld.Must(t, w.operator.QueryRow(t.Context(), "SELECT referral.normal_code($1) = referral.normal_code($2)", codes[0], codes[1]).Scan(&same))
		status := http.StatusCreated
		if same {
			status = http.StatusOK
		}
		for kind, post := range map[string]func(code string, status int){
			"alone": func(code string, status int) {
				w.post("/v1/actions", fmt.Sprintf(`{"user_id": "alone", "action": %q, "code": %q}`, fmt.Sprint(codes), code), status)
			},
			"in a batch": func(code string, status int) {
				w.post("/v1/batch", fmt.Sprintf(`{"facts": [{"kind": "action", "user_id": "batch", "action": %q, "code": %q}]}`, fmt.Sprint(codes), code), status)
			},
		} {
			t.Logf("%s: %q, the same code: %v", kind, codes, same)
			post(codes[0], http.StatusCreated)
			post(codes[1], status)
		}
	}
}
