package facts_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/testworld/migrated"
	"github.com/referral-operator/referral-operator/internal/tracker/facts"
)

// A page of long rows ends early, and the database must not send the others for nothing.
func TestPageOfLongRowsIsReadInSteps(t *testing.T) {
	w := newWorld(t)
	const links = 200
	_, err := w.operator.Exec(t.Context(), `WITH link AS (INSERT INTO referral.link (code, campaign, referrer_id)
			SELECT 'c' || i, 'c', 'alice' FROM generate_series(1, $1::int) AS i RETURNING code)
		INSERT INTO referral.link_count (code, action, times)
		SELECT code, rpad(action::text, 255, 'x'), 1 FROM link, generate_series(1, 100) AS action`, links)
	testworld.Must(t, err)
	proxy := testworld.NewProxy(t, w.own.Server().Address())
	reads := migrated.Open(t, strings.Replace(w.own.WriterURI, w.own.Server().Address(), proxy.Address(), 1))
	store := facts.New(w.writer, reads)
	seen := map[string]bool{}
	for after, more := "", true; more; {
		before := proxy.Answered()
		var page []facts.FollowedLink
		page, more, err = store.Links(t.Context(), "alice", after, 1000)
		testworld.Must(t, err)
		if sent := proxy.Answered() - before; sent > 2<<20 {
			t.Errorf("%d bytes were sent for a page of %d links", sent, len(page))
		}
		for _, link := range page {
			seen[*link.Code] = true
		}
		after = *page[len(page)-1].Code
	}
	if len(seen) != links {
		t.Errorf("%d links", len(seen))
	}
}

func TestPageHasAsManyRowsAsItsLimit(t *testing.T) {
	w := newWorld(t)
	const links = 120
	var all []string
	for i := range links {
		all = append(all, fmt.Sprintf("c%03d", i))
	}
	_, err := w.operator.Exec(t.Context(), "INSERT INTO referral.link (code, campaign, referrer_id) SELECT unnest($1::text[]), 'c', 'alice'", all)
	testworld.Must(t, err)
	for _, limit := range []int{1, 49, 50, 51, 60, 99, 100, 101, 119, 120, 121, 1000} {
		for rest := all; ; {
			after := ""
			if len(rest) < links {
				after = all[links-len(rest)-1]
			}
			page, more, err := w.store.Links(t.Context(), "alice", after, limit)
			testworld.Must(t, err)
			var codes []string
			for _, link := range page {
				codes = append(codes, *link.Code)
			}
			want := rest[:min(limit, len(rest))]
			rest = rest[len(want):]
			if diff := cmp.Diff(want, codes); diff != "" || more != (len(rest) > 0) {
				t.Fatalf("limit %d after %q: more: %v (-want +got):\n%s", limit, after, more, diff)
			}
			if !more {
				break
			}
		}
	}
}
