package controllers_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// lateCache is a manager's connection to the API server that withholds, while it is held, what
// watches of campaigns and policies bring.
type lateCache struct {
	http.RoundTripper
	mu sync.RWMutex // locked while watches are held
}

func (l *lateCache) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := l.RoundTripper.RoundTrip(r)
	late := slices.ContainsFunc([]string{"/referralcampaigns", "/rewardpolicies"}, func(end string) bool {
		return strings.HasSuffix(r.URL.Path, end)
	})
	if err == nil && late && r.URL.Query().Get("watch") != "" {
		response.Body = &lateBody{ReadCloser: response.Body, of: l}
	}
	return response, err
}

type lateBody struct {
	io.ReadCloser
	of *lateCache
}

func (b *lateBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	b.of.mu.RLock()
	defer b.of.mu.RUnlock()
	return n, err
}

// A plan is never revised, so it must not be answered from a cache that lacks what was applied just
// before the plan.
func TestPlanKnowsWhatWasAppliedJustBefore(t *testing.T) {
	t.Parallel()
	w := newQuietWorld(t)
	late := &lateCache{}
	w.manager = rest.CopyConfig(w.manager)
	w.manager.Wrap(func(base http.RoundTripper) http.RoundTripper {
		late.RoundTripper = base
		return late
	})
	w.startManager()
	own := w.newDatabase()
	w.secret("shop-db", map[string]string{"uri": own.URI})
	w.apply(allYAML)
	w.awaitReady(w.rcamp("invite-friends"))
	w.shop(own, oneFriend)
	await(w, w.rcamp("invite-friends"), "paid", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Credit == "5.00 USD" })

	release := sync.OnceFunc(late.mu.Unlock)
	late.mu.Lock()
	defer release()
	w.apply(strings.NewReplacer("invite-friends", "new-campaign", "five-dollars", "new-policy").Replace(allYAML))
	w.awaitDone(w.plan("of-the-new-campaign", `{campaignRef: {name: new-campaign}}`))
	w.patch("rpol", "five-dollars", `{"rewards":[{"name":"inviter","beneficiary":"Referrer","fixed":{"amount":"7.00","currency":"USD"}}],"revisionScope":"AllPairs"}`)
	onTop := w.plan("on-top", `{campaignRef: {name: invite-friends}, proposed: {campaign: {databaseRef: {name: shop}, policyRef: {name: five-dollars}}}}`)
	if status := w.awaitDone(onTop); status.Grant != "2.00 USD" {
		t.Errorf("the edit of the policy grants %s", status.Grant)
	}
}
