package hosting_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/hosting"
)

func TestAFeedKeepsWhatNobodyReads(t *testing.T) {
	feed := hosting.NewFeed()
	for range 1000 {
		feed.Add(shop) // nobody reads, and nobody waits
	}
	select {
	case <-feed.Arrived():
	default:
		t.Fatal("nothing arrived")
	}
	if diff := cmp.Diff([]types.NamespacedName{shop}, feed.Take()); diff != "" {
		t.Error(diff)
	}
	if left := feed.Take(); len(left) > 0 {
		t.Errorf("taken twice: %v", left)
	}
	feed.Add(shop)
	<-feed.Arrived()
	if len(feed.Take()) != 1 {
		t.Error("what was added after the first was taken is lost")
	}
}
