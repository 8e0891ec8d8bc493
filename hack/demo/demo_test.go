package main

import (
	"bytes"
	"strings"
	"testing"
)

// The story checks its own numbers and fails if one is wrong. This test checks what it shows.
func TestStoryShowsLinkCookieCreditAndStatus(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), &screen{out: &out}, false); err != nil {
		t.Fatalf("the demo failed: %v\n%s", err, out.String())
	}
	shown := out.String()
	for _, want := range []string{
		"$ kubectl get rcamp,rpol,adb -n growth\n",
		"Location: https://mysite.com/\nSet-Cookie: referral=r1.",
		`{"user_id": "bob", "visitor": "r1.`,
		`"available":500`,
		" alice          | Grant |    500 | USD      |    5.00 | Qualified | bob ",
		" alice          | Reversal |   -500 | USD      |   -5.00 | Refunded  | bob ",
		" frank          | USD      |       300 |    0 |    3.00\n",
		" gina    | order-7     | alice       | Waiting  | CapReached ",
		" gina           | USD      |       500 |    0 |    5.00\n",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("the demo does not show %q", want)
		}
	}
	if strings.Contains(shown, "\x1b") {
		t.Error("the demo shows colours without a terminal")
	}
	if t.Failed() {
		t.Log(shown)
	}
}
