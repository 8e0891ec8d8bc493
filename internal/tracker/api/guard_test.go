package api_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/tracker/api"
)

func TestRequestsWithoutATokenAreRefused(t *testing.T) {
	w := newWorld(t)
	for name, authorization := range map[string]string{
		"none":            "",
		"a scheme alone":  "Bearer",
		"an empty one":    "Bearer ",
		"a wrong one":     "Bearer another-token-of-16",
		"one cut short":   "Bearer " + secret[:len(secret)-1],
		"one and more":    "Bearer " + secret + "x",
		"another scheme":  "Basic " + secret,
		"without scheme":  secret,
		"its digest":      "Bearer sha256:" + hex.EncodeToString(digest(secret)),
		"twice the same":  "Bearer " + secret + " " + secret,
		"not even UTF-8":  "Bearer \xff\xfe",
		"a very long one": "Bearer " + strings.Repeat("x", 1<<16),
	} {
		t.Run(name, func(t *testing.T) {
			for _, request := range [][2]string{
				{http.MethodPost, purchases}, {http.MethodPost, "/v1/batch"}, {http.MethodGet, "/v1/referrers/r/balance"}, {http.MethodDelete, "/v1/users/u"},
			} {
				got := w.sendAs(authorization, request[0], request[1], purchase("amount=1"))
				if got.status != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") == "" {
					t.Errorf("%v: %d %s", request, got.status, got.body)
				}
				got.problem(t)
			}
		})
	}
	w.expect("purchases", "SELECT count(*) FROM referral.purchase", "0")
}

func TestTokenIsReplacedWithoutARefusal(t *testing.T) {
	w := newWorld(t)
	const newer = "the-next-token-of-the-shop"
	try := func(token string, want int) {
		t.Helper()
		if got := w.sendAs("bearer "+token, http.MethodGet, "/v1/referrers/r/balance", ""); got.status != want {
			t.Errorf("%s: %d %s", token, got.status, got.body)
		}
	}
	put := func(content string) {
		t.Helper()
		var err error
		w.tokens, err = api.ParseTokens([]byte(content))
		testworld.Must(t, err)
	}
	try(secret, http.StatusOK)
	try(newer, http.StatusUnauthorized)
	put("shop: " + secret + "\nshop sha256:" + hex.EncodeToString(digest(newer)))
	try(secret, http.StatusOK)
	try(newer, http.StatusOK)
	put("shop: " + newer)
	try(secret, http.StatusUnauthorized)
	try(newer, http.StatusOK)
}

func digest(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

func TestParseTokens(t *testing.T) {
	const secretPart = "0123456789-very-secret"
	hash := strings.Repeat("0f", 32)
	for name, test := range map[string]struct {
		content string
		wrong   string // part of the error; empty: none
	}{
		"one":                       {"shop: " + secretPart, ""},
		"without a colon":           {"shop " + secretPart, ""},
		"several, comments, blanks": {"# ours\n\nshop: " + secretPart + "\r\nbi\tsha256:" + hash + "\n", ""},
		"nothing":                   {"", "there is no token"},
		"only comments":             {"# none yet\n", "there is no token"},
		"a token without a name":    {secretPart, "line 1"},
		"a name without a token":    {"shop: " + secretPart + "\nbi:", "line 2"},
		"three words":               {"shop: " + secretPart + " more", "line 1"},
		"a short token":             {"shop: 0123456789", "fewer than 16"},
		"a hash cut short":          {"shop: sha256:" + hash[1:], "64 hexadecimal"},
		"a hash that is none":       {"shop: sha256:" + secretPart, "64 hexadecimal"},
		"a strange name":            {"sh/op: " + secretPart, "line 1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := api.ParseTokens([]byte(test.content))
			switch {
			case test.wrong == "":
				testworld.Must(t, err)
			case err == nil || !strings.Contains(err.Error(), test.wrong):
				t.Errorf("got %v", err)
			case strings.Contains(err.Error(), "0123456789"), strings.Contains(err.Error(), hash[1:]):
				t.Errorf("the error tells the token: %v", err)
			}
		})
	}
}

func FuzzParseTokens(f *testing.F) {
	f.Add("shop: 0123456789abcdef")
	f.Add("# none\nshop sha256:" + strings.Repeat("0f", 32))
	f.Add("shop: short\nbi")
	f.Fuzz(func(t *testing.T, content string) {
		tokens, err := api.ParseTokens([]byte(content))
		if err != nil {
			for word := range strings.FieldsSeq(content) {
				if len(word) >= 16 && strings.Contains(err.Error(), word) {
					t.Errorf("the error tells %q: %v", word, err)
				}
			}
			return
		}
		if _, ok := tokens.Name(""); ok {
			t.Error("no token at all is one")
		}
	})
}
