package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/tracker/api"
)

func TestParse(t *testing.T) {
	for name, test := range map[string]struct {
		body  string
		want  any
		wrong string
	}{
		"a whole number":              {"-9223372036854775808", int64(-9223372036854775808), ""},
		"a pair of surrogates":        {`"\ud83d\ude00"`, "😀", ""},
		"an escaped backslash":        {`"\\ud800"`, `\ud800`, ""},
		"half of a pair":              {`"\ud83d"`, nil, "surrogate"},
		"half of a pair, and another": {`"\ud83d\ud83d\ude00"`, nil, "surrogate"},
		"the wrong half":              {`"\ude00"`, nil, "surrogate"},
		"half of a pair in a name":    {`{"\ud800": 1}`, nil, "surrogate"},
		"the replacement itself":      {`"\ufffd�"`, "��", ""},
		"U+0000":                      {`["a", "\u0000"]`, nil, "body[1] has the character U+0000"},
		"U+0000 in a visitor":         {`{"visitor": "\u0000"}`, map[string]any{"visitor": "\x00"}, ""},
		"U+0000 within a visitor":     {`{"visitor": ["\u0000"]}`, nil, "body.visitor[0] has the character U+0000"},
		"U+0000 in a deeper visitor":  {`{"a": {"visitor": "\u0000"}}`, nil, "body.a.visitor has the character U+0000"},
		"an escape of U+0000 escaped": {`"\\u0000"`, `\u0000`, ""},
		"a name twice":                {`{"a": 1, "\u0061": 2}`, nil, "body.a is given twice"},
		"names in two cases":          {`{"a": 1, "A": 2}`, map[string]any{"a": int64(1), "A": int64(2)}, ""},
		"32 deep":                     {strings.Repeat("[", 32) + strings.Repeat("]", 32), nil, "-"},
		"33 deep":                     {strings.Repeat("[", 33) + strings.Repeat("]", 33), nil, "is nested more than 32 levels deep"},
		"22,000 values":               {"[0" + strings.Repeat(",0", 21_998) + "]", nil, "-"},
		"22,001 values":               {"[0" + strings.Repeat(",0", 21_999) + "]", nil, "body has more than 22000 values"},
		"0 with a large exponent":     {"[0e999, 0e-999]", nil, "-"},
		"0 with a larger exponent":    {"[0, 0e1000]", nil, "body[1] has an exponent outside of -999 to 999"},
		"0 with a lesser exponent":    {"-0.0e-1000", nil, "body has an exponent outside of -999 to 999"},
		"more after it":               {"1 1", nil, "has further text"},
		"bad UTF-8":                   {"\"\xc3\x28\"", nil, "is not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := api.Parse([]byte(test.body))
			switch {
			case test.wrong == "-":
				testworld.Must(t, err)
			case test.wrong != "":
				if err == nil || !strings.Contains(err.Error(), test.wrong) {
					t.Errorf("got %v, %v", got, err)
				}
			case err != nil:
				t.Error(err)
			default:
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

// What parse takes, encoding/json takes too and reads alike.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		mixed, purchase("amount=1e400"), `{"a": {"a": [1, 2.5e-3, "\ud83d\ude00", null, true]}}`, `"\ud83d"`, `{"a":1,"a":2}`, "[[[[", "1e-400", "\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		tree, err := api.Parse(body)
		if err != nil {
			return
		}
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.UseNumber()
		var want any
		if err := decoder.Decode(&want); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		if diff := cmp.Diff(spelled(want), spelled(tree)); diff != "" {
			t.Errorf("(-encoding/json +parse):\n%s", diff)
		}
		if members, ok := tree.(map[string]any); ok {
			delete(members, "visitor") // it is not stored
		}
		if text := spelled(tree); strings.Contains(text, "\x00") {
			t.Errorf("it holds U+0000: %q", text)
		}
	})
}

// spelled writes a tree with its numbers as they mean.
func spelled(tree any) string {
	switch tree := tree.(type) {
	case map[string]any:
		return "{" + keys(tree) + "}"
	case []any:
		var b strings.Builder
		for _, item := range tree {
			b.WriteString(spelled(item) + ",")
		}
		return "[" + b.String() + "]"
	case json.Number:
		if whole, err := tree.Int64(); err == nil {
			return fmt.Sprint(whole)
		}
	}
	return fmt.Sprint(tree)
}

func keys(members map[string]any) string {
	all := make([]string, 0, len(members))
	for name, value := range members {
		all = append(all, fmt.Sprintf("%q: %s", name, spelled(value)))
	}
	return strings.Join(sortedStrings(all), ", ")
}

// Whatever is posted to a tracker whose database is away is either refused by its border or 503:
// never another 5xx.
func FuzzBody(f *testing.F) {
	targets := []string{"/v1/links", signups, purchases, "/v1/refunds", "/v1/actions", "/v1/redemptions", "/v1/batch"}
	for i := range targets {
		f.Add(i, mixed)
		f.Add(i, purchase(`attributes={"a": [1.5, "x"]}`))
		f.Add(i, `{"campaign": "c", "referrer_id": "r", "destination": "https://mysite.test/"}`)
		f.Add(i, `{"user_id": "u", "visitor": "r1.AAAA", "signed_up_at": "2026-11-05T12:00:00Z"}`)
	}
	w := &world{TB: f}
	config, err := postgres.ParseConfig("postgres://shop:shop@127.0.0.1:1/shop?sslmode=disable", nil)
	testworld.Must(f, err)
	database := unreachable(f, config)
	w.serve(database, database)
	f.Fuzz(func(t *testing.T, target int, body string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, targets[uint(target)%uint(len(targets))], strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+secret)
		recorder := httptest.NewRecorder()
		w.handler.ServeHTTP(recorder, r)
		if status := recorder.Code; status < 400 || status >= 500 && status != http.StatusServiceUnavailable {
			t.Errorf("%d %s", status, recorder.Body)
		}
		if err := api.Conforms(w.document, r, recorder.Result(), recorder.Body.Bytes()); err != nil {
			t.Error(err)
		}
	})
}
