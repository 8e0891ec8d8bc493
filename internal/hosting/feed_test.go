package hosting_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/hosting"
)

func TestFeedKeepsNamesUntilTheyAreRead(t *testing.T) {
	feed := hosting.NewFeed()
	for range 1000 {
		feed.Add(shop) // does not block without a reader
	}
	select {
	case <-feed.Arrived():
	default:
		t.Fatal("nothing arrived")
	}
	if diff := cmp.Diff([]types.NamespacedName{shop}, feed.Drain()); diff != "" {
		t.Error(diff)
	}
	if left := feed.Drain(); len(left) > 0 {
		t.Errorf("read twice: %v", left)
	}
	feed.Add(shop)
	<-feed.Arrived()
	if len(feed.Drain()) != 1 {
		t.Error("a name that was added after the first was read is lost")
	}
}
