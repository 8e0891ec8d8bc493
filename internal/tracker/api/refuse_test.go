package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	purchases = "/v1/purchases"
	signups   = "/v1/signups"
)

func purchase(change string) string {
	members := map[string]json.RawMessage{
		"user_id": []byte(`"u"`), "purchase_id": []byte(`"p"`), "amount": []byte(`2500`), "currency": []byte(`"USD"`),
	}
	name, value, _ := strings.Cut(change, "=")
	var all []string
	for _, member := range []string{"user_id", "purchase_id", "amount", "currency"} {
		if member != name {
			all = append(all, fmt.Sprintf("%q: %s", member, members[member]))
		}
	}
	if value != "" {
		all = append(all, fmt.Sprintf("%q: %s", name, value))
	}
	return "{" + strings.Join(all, ", ") + "}"
}

func TestRefusalNamesTheField(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("é", 256)
	for name, test := range map[string]struct {
		target, body string
		places       []string
	}{
		"no amount":                        {purchases, purchase("amount="), []string{"body"}},
		"amount below 0":                   {purchases, purchase("amount=-1"), []string{"body.amount"}},
		"an amount with a point":           {purchases, purchase("amount=25.00"), []string{"body.amount"}},
		"an amount with an exponent":       {purchases, purchase("amount=25e2"), []string{"body.amount"}},
		"an amount past bigint":            {purchases, purchase("amount=9223372036854775808"), []string{"body.amount"}},
		"an amount past every number":      {purchases, purchase("amount=1e999"), []string{"body.amount"}},
		"an amount of many digits":         {purchases, purchase("amount=" + strings.Repeat("9", 10000)), []string{"body.amount"}},
		"an amount in a string":            {purchases, purchase(`amount="2500"`), []string{"body.amount"}},
		"amount null":                      {purchases, purchase("amount=null"), []string{"body.amount"}},
		"amount true":                      {purchases, purchase("amount=true"), []string{"body.amount"}},
		"an array for an amount":           {purchases, purchase("amount=[1]"), []string{"body.amount"}},
		"lower-case currency":              {purchases, purchase(`currency="usd"`), []string{"body.currency"}},
		"a currency and a line":            {purchases, purchase(`currency="USD\n"`), []string{"body.currency"}},
		"an empty id":                      {purchases, purchase(`user_id=""`), []string{"body.user_id"}},
		"an id of 256 characters":          {purchases, purchase(`user_id="` + long + `"`), []string{"body.user_id"}},
		"an id with U+0000":                {purchases, purchase(`user_id="a\u0000b"`), []string{"body.user_id"}},
		"an object for an id":              {purchases, purchase(`user_id={}`), []string{"body.user_id"}},
		"an unknown field":                 {purchases, purchase(`note="x"`), []string{"body.note"}},
		"a field in another case":          {purchases, purchase(`Currency="USD"`), []string{"body.Currency"}},
		"the database's own field":         {purchases, purchase(`arrived_at="2026-01-01T00:00:00Z"`), []string{"body.arrived_at"}},
		"a field twice":                    {purchases, `{"amount": 1, "amount": 2}`, []string{"body.amount"}},
		"no time":                          {purchases, purchase(`purchased_at="yesterday"`), []string{"body.purchased_at"}},
		"a time without a zone":            {purchases, purchase(`purchased_at="2026-01-01T00:00:00"`), []string{"body.purchased_at"}},
		"infinity":                         {purchases, purchase(`purchased_at="infinity"`), []string{"body.purchased_at"}},
		"a number for a time":              {purchases, purchase(`purchased_at=1767225600`), []string{"body.purchased_at"}},
		"a time before the year 1":         {purchases, purchase(`purchased_at="0001-01-01T00:00:00+01:00"`), []string{"body.purchased_at"}},
		"a time after the year 9999":       {purchases, purchase(`purchased_at="9999-12-31T23:59:59-01:00"`), []string{"body.purchased_at"}},
		"attributes that are no object":    {purchases, purchase(`attributes=[]`), []string{"body.attributes"}},
		"U+0000 in attributes":             {purchases, purchase(`attributes={"a": ["\u0000"]}`), []string{"body.attributes.a[0]"}},
		"U+0000 in an attribute's name":    {purchases, purchase(`attributes={"\u0000": 1}`), []string{"body.attributes"}},
		"a number past Postgres":           {purchases, purchase(`attributes={"n": 1e400000}`), []string{"body.attributes.n"}},
		"a number too small for Postgres":  {purchases, purchase(`attributes={"n": 1e-400000}`), []string{"body.attributes.n"}},
		"attributes too large":             {purchases, purchase(`attributes={"a": "` + strings.Repeat("x", 65536) + `"}`), []string{"body.attributes"}},
		"attributes that grow":             {purchases, purchase(`attributes={"a": [1e300` + strings.Repeat(",1e300", 300) + `]}`), []string{"body.attributes"}},
		"attributes that grow by escapes":  {purchases, purchase(`attributes={"a": "` + strings.Repeat(`\u000b`, 20_000) + `"}`), []string{"body.attributes"}},
		"attributes of long zeros":         {purchases, purchase(`attributes={"a": [0, 0e-16383]}`), []string{"body.attributes.a[1]"}},
		"a zero too long for Postgres":     {purchases, purchase(`attributes={"n": -0.0e-16384}`), []string{"body.attributes.n"}},
		"a zero of a large exponent":       {purchases, purchase(`attributes={"n": 0e99999999999}`), []string{"body.attributes.n"}},
		"deep attributes":                  {purchases, purchase(`attributes={"a": ` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`), []string{"body.attributes.a" + strings.Repeat("[0]", 30)}},
		"65 fingerprints":                  {signups, `{"user_id": "u", "fingerprints": ["x"` + strings.Repeat(`, "x"`, 64) + `]}`, []string{"body.fingerprints"}},
		"a number for a fingerprint":       {signups, `{"user_id": "u", "fingerprints": ["x", 1]}`, []string{"body.fingerprints[1]"}},
		"null for a fingerprint":           {signups, `{"user_id": "u", "fingerprints": [null]}`, []string{"body.fingerprints[0]"}},
		"a visitor_id of 256 characters":   {signups, `{"user_id": "u", "visitor_id": "` + long + `"}`, []string{"body.visitor_id"}},
		"a number for a visitor":           {signups, `{"user_id": "u", "visitor": 1}`, []string{"body.visitor"}},
		"a code of 256 characters":         {signups, `{"user_id": "u", "code": "` + long + `"}`, []string{"body.code"}},
		"an action without an actor":       {"/v1/actions", `{"action": "view"}`, []string{"body.visitor"}},
		"an action of a forged visitor":    {"/v1/actions", `{"action": "view", "visitor": "r1.AAAA"}`, []string{"body.visitor"}},
		"a code that grows in lower case":  {signups, `{"user_id": "u", "code": "` + strings.Repeat("İ", 200) + `"}`, []string{"body.code"}},
		"a user of 255 emoji":              {signups, `{"user_id": "` + strings.Repeat("😀", 255) + `"}`, []string{"body.user_id"}},
		"a reserved code":                  {"/v1/links", `{"campaign": "c", "referrer_id": "r", "code": "admin"}`, []string{"body.code"}},
		"a code with a slash":              {"/v1/links", `{"campaign": "c", "referrer_id": "r", "code": "a/b"}`, []string{"body.code"}},
		"a destination that is a script":   {"/v1/links", `{"campaign": "c", "referrer_id": "r", "destination": "javascript:alert(1)"}`, []string{"body.destination"}},
		"a destination without a host":     {"/v1/links", `{"campaign": "c", "referrer_id": "r", "destination": "/path"}`, []string{"body.destination"}},
		"a destination of a port only":     {"/v1/links", `{"campaign": "c", "referrer_id": "r", "destination": "https://:443/x"}`, []string{"body.destination"}},
		"a destination with a user":        {"/v1/links", `{"campaign": "c", "referrer_id": "r", "destination": "https://a@b.test/"}`, []string{"body.destination"}},
		"a redemption below 0":             {"/v1/redemptions", `{"beneficiary_id": "b", "redemption_id": "r", "amount": -5, "currency": "USD"}`, []string{"body.amount"}},
		"no facts":                         {"/v1/batch", `{"facts": []}`, []string{"body.facts"}},
		"1,001 facts":                      {"/v1/batch", `{"facts": [{}` + strings.Repeat(", {}", 1000) + `]}`, []string{"body.facts"}},
		"an unknown field of a batch":      {"/v1/batch", `{"facts": [{}], "atomic": false}`, []string{"body.atomic"}},
		"a fact of no kind":                {"/v1/batch", `{"facts": [{"user_id": "u"}]}`, []string{"body.facts[0].kind"}},
		"a fact of an unknown kind":        {"/v1/batch", `{"facts": [{"kind": "order"}]}`, []string{"body.facts[0].kind"}},
		"a fact that is no object":         {"/v1/batch", `{"facts": [1, null]}`, []string{"body.facts[0]", "body.facts[1]"}},
		"an object that is an array":       {purchases, `[]`, []string{"body"}},
		"a string":                         {purchases, `"x"`, []string{"body"}},
		"null":                             {purchases, `null`, []string{"body"}},
		"a redemption's author at length":  {"/v1/redemptions", `{"beneficiary_id": "b", "redemption_id": "r", "amount": 5, "currency": "USD", "author": "` + long + `"}`, []string{"body.author"}},
		"a refund without its number":      {"/v1/refunds", `{"user_id": "u", "purchase_id": "p", "amount": 5}`, []string{"body"}},
		"an expiry that is none":           {"/v1/links", `{"campaign": "c", "referrer_id": "r", "expires_at": "never"}`, []string{"body.expires_at"}},
		"half a surrogate in an attribute": {purchases, purchase(`attributes={"a": "\ud800"}`), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.send(http.MethodPost, test.target, test.body)
			want := http.StatusUnprocessableEntity
			if test.places == nil {
				want = http.StatusBadRequest
			}
			if got.status != want {
				t.Fatalf("got %d %s", got.status, got.body)
			}
			if diff := cmp.Diff(test.places, got.places(t)); diff != "" {
				t.Errorf("(-want +got):\n%s\n%.500s", diff, got.body)
			}
			if len(got.body) > 8192 {
				t.Errorf("the answer has %d bytes", len(got.body))
			}
		})
	}
	w.expect("purchases", "SELECT count(*) FROM referral.purchase", "0")
}

func Test255CharactersOfAnyAlphabetFit(t *testing.T) {
	w := newWorld(t)
	for _, alphabet := range []string{"abcdefghij", "čđšžćñøåæß", "абвгдежзик", "αβγδεζηθικ", "日月火水木金土山川田", "กขคงจฉชซญด"} {
		letters := []rune(alphabet)
		var b strings.Builder
		for n := range 255 {
			b.WriteRune(letters[(n*n+n/7)%len(letters)])
		}
		id := b.String()
		visitor := `"visitor_id": "` + id + `"`
		w.post(signups, `{"user_id": "`+id+`", "code": "`+id+`", `+visitor+`, "fingerprints": ["`+id+`"]}`, http.StatusCreated)
		w.post(purchases, `{"user_id": "`+id+`", "purchase_id": "`+id+`", "amount": 1, "currency": "USD"}`, http.StatusCreated)
		w.post("/v1/refunds", `{"user_id": "`+id+`", "purchase_id": "`+id+`", "refund_id": "`+id+`", "amount": 1}`, http.StatusCreated)
		w.post("/v1/actions", `{"user_id": "`+id+`", "action_id": "`+id+`", "action": "`+id+`", "code": "`+id+`", `+visitor+`}`, http.StatusCreated)
		w.post("/v1/links", `{"campaign": "`+id+`", "referrer_id": "`+id+`", "label": "`+id+`"}`, http.StatusCreated)
	}
}

// A hostile body is answered with a client error.
func TestHostileBodiesCauseNoServerError(t *testing.T) {
	w := newWorld(t)
	targets := []string{"/v1/links", signups, purchases, "/v1/refunds", "/v1/actions", "/v1/redemptions", "/v1/batch"}
	for name, body := range map[string]string{
		"nothing":             "",
		"blanks":              " \n\t",
		"no JSON":             "user_id=u&amount=1",
		"cut short":           `{"user_id": "u", "am`,
		"two values":          `{} {}`,
		"what comes after":    `{}]`,
		"a comma too many":    `{"user_id": "u",}`,
		"not a number":        `{"amount": NaN}`,
		"bad UTF-8":           "{\"user_id\": \"\xff\xfe\"}",
		"half a surrogate":    `{"user_id": "\ud800"}`,
		"surrogates swapped":  `{"user_id": "\udc00\ud800"}`,
		"a bad escape":        `{"user_id": "\x"}`,
		"a raw NUL":           "{\"user_id\": \"\x00\"}",
		"a byte-order mark":   "\ufeff{}",
		"deep arrays":         strings.Repeat("[", 1<<19),
		"deep objects":        strings.Repeat(`{"a":`, 100000),
		"many members":        `{"a0": 0` + strings.Join(members(20000), "") + `}`,
		"a long name of many": `{"` + strings.Repeat("x", 1<<18) + `": [0` + strings.Repeat(",0", 1<<18) + `]}`,
		"long names":          `{"` + strings.Repeat("x", 1<<18) + `": 1, "` + strings.Repeat("é", 1<<17) + `": 2}`,
		"too large":           `{"user_id": "` + strings.Repeat("x", 5<<20) + `"}`,
		"a huge number":       `{"amount": ` + strings.Repeat("9", 500000) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, target := range targets {
				got := w.send(http.MethodPost, target, body)
				if got.status < 400 || got.status > 499 {
					t.Errorf("%s: %d %.200s", target, got.status, got.body)
				}
				if p := got.problem(t); p.Detail == "" || len(got.body) > 8192 {
					t.Errorf("%s: %.200s", target, got.body)
				}
			}
		})
	}
}

func members(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`, "a%d": 1`, i+1)
	}
	return all
}

func TestOtherMediaTypesAreRefused(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		header, value string
		want          int
	}{
		"JSON":             {"Content-Type", "application/json", http.StatusCreated},
		"JSON in UTF-8":    {"Content-Type", "application/json; charset=UTF-8", http.StatusCreated},
		"a form":           {"Content-Type", "application/x-www-form-urlencoded", http.StatusUnsupportedMediaType},
		"text":             {"Content-Type", "text/plain", http.StatusUnsupportedMediaType},
		"another charset":  {"Content-Type", "application/json; charset=latin1", http.StatusUnsupportedMediaType},
		"nonsense":         {"Content-Type", "+;+", http.StatusUnsupportedMediaType},
		"a packed body":    {"Content-Encoding", "gzip", http.StatusUnsupportedMediaType},
		"another answer":   {"Accept", "text/html", http.StatusCreated},
		"no answer at all": {"Accept", ";;q=", http.StatusCreated},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, purchases, strings.NewReader(
				fmt.Sprintf(`{"user_id": %q, "purchase_id": "p", "amount": 1, "currency": "USD"}`, name)))
			r.Header.Set("Authorization", "Bearer "+secret)
			r.Header.Set(test.header, test.value)
			got := w.do(r)
			if got.status != test.want {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
}

// broken is a body whose sender goes away.
type broken struct{ io.Reader }

func (b broken) Read(into []byte) (int, error) {
	n, err := b.Reader.Read(into)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func TestIncompleteBodyIsRefused(t *testing.T) {
	w := newWorld(t)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, purchases, broken{strings.NewReader(purchase("amount=1"))})
	r.Header.Set("Authorization", "Bearer "+secret)
	if got := w.do(r); got.status != http.StatusBadRequest {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestUnknownPathsAndMethodsAreProblems(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		method, target string
		want           int
	}{
		"unknown":                {http.MethodGet, "/v1/nothing", http.StatusNotFound},
		"the root of it":         {http.MethodGet, "/v1/", http.StatusNotFound},
		"another method":         {http.MethodPut, purchases, http.StatusMethodNotAllowed},
		"reading what is posted": {http.MethodGet, purchases, http.StatusMethodNotAllowed},
		"a method made up":       {"BREW", "/v1/users/u", http.StatusMethodNotAllowed},
		"U+0000 in a path":       {http.MethodGet, "/v1/referrers/a%00b/balance", http.StatusUnprocessableEntity},
		"bad UTF-8 in a path":    {http.MethodGet, "/v1/referrers/%ff/balance", http.StatusUnprocessableEntity},
		"an id too long":         {http.MethodGet, "/v1/referrers/" + strings.Repeat("x", 256) + "/balance", http.StatusUnprocessableEntity},
		"an unknown parameter":   {http.MethodGet, "/v1/referrers/r/credits?offset=3", http.StatusUnprocessableEntity},
		"a cursor made up":       {http.MethodGet, "/v1/referrers/r/credits?cursor=AAAA", http.StatusUnprocessableEntity},
		"a cursor with U+0000":   {http.MethodGet, "/v1/referrers/r/links?cursor=IlwwMDAwIg", http.StatusUnprocessableEntity},
		"a NUL in a cursor":      {http.MethodGet, "/v1/referrers/r/links?cursor=%00", http.StatusUnprocessableEntity},
		"a limit of 0":           {http.MethodGet, "/v1/referrers/r/credits?limit=0", http.StatusUnprocessableEntity},
		"a limit past all":       {http.MethodGet, "/v1/referrers/r/credits?limit=99999999999999999999", http.StatusUnprocessableEntity},
		"a query cut short":      {http.MethodGet, "/v1/referrers/r/credits?limit=%", http.StatusUnprocessableEntity},
		"an id with a slash":     {http.MethodGet, "/v1/referrers/a%2Fb/balance", http.StatusOK},
		"an id of 255 é":         {http.MethodGet, "/v1/referrers/" + strings.Repeat("%C3%A9", 255) + "/balance", http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.send(test.method, test.target, "")
			if got.status != test.want {
				t.Fatalf("got %d %s", got.status, got.body)
			}
			if got.status >= 400 {
				got.problem(t)
			}
		})
	}
}

func TestMalformedQueryIsRefusedAsSuch(t *testing.T) {
	w := newWorld(t)
	for query, says := range map[string]string{
		"limit=5;x": "separated by &", "limit=%zz": "separated by &", "limit=%ff": "must be UTF-8", "limit=%00": "must be UTF-8",
	} {
		got := w.send(http.MethodGet, "/v1/referrers/r/credits?"+query, "")
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.problem(t).Errors[0].Message, says) {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
}

func TestEveryAnswerIsJSONWhateverIsAccepted(t *testing.T) {
	w := newWorld(t)
	for _, accept := range []string{"", "json", "application/json", "text/html", "*/*"} {
		for path, want := range map[string]string{
			"/v1/referrers/r/balance": "application/json", "/v1/users/u/erasure": "application/problem+json",
		} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
			r.Header.Set("Authorization", "Bearer "+secret)
			r.Header.Set("Accept", accept)
			if got := w.do(r).header.Get("Content-Type"); got != want {
				t.Errorf("%q: %s is %s", accept, path, got)
			}
		}
	}
}
