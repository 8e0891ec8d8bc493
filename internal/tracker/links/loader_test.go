package links_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/tracker/links"
)

func TestCodesRequestedDuringAQueryShareTheNext(t *testing.T) {
	var sizes []int
	begun, proceed := make(chan struct{}), make(chan struct{})
	loader := links.NewLoader(func(_ context.Context, codes []string) (map[string]*links.Link, error) {
		sizes = append(sizes, len(codes))
		begun <- struct{}{}
		<-proceed
		found := map[string]*links.Link{}
		for _, code := range codes {
			if code != "unknown" {
				found[code] = &links.Link{Code: code}
			}
		}
		return found, nil
	})
	first := loader.Ask(t.Context(), "first")
	<-begun
	var others []func() (*links.Link, error)
	for n := range 1500 {
		others = append(others, loader.Ask(t.Context(), fmt.Sprint(n)), loader.Ask(t.Context(), fmt.Sprint(n)))
	}
	go func() {
		for range begun {
			proceed <- struct{}{}
		}
	}()
	proceed <- struct{}{}
	if link, err := first(); err != nil || link.Code != "first" {
		t.Errorf("%v, %v", link, err)
	}
	for i, other := range others {
		if link, err := other(); err != nil || link.Code != fmt.Sprint(i/2) {
			t.Errorf("%v, %v", link, err)
		}
	}
	if diff := cmp.Diff([]int{1, 1000, 500}, sizes); diff != "" {
		t.Errorf("codes in a question (-want +got):\n%s", diff)
	}
	if _, err := loader.Ask(t.Context(), "unknown")(); !errors.Is(err, links.ErrUnknown) {
		t.Errorf("unknown: %v", err)
	}
	close(begun)
}

// Codes whose visitors are gone wait as well: the next visitor may want the same.
func TestWaitingCodesAreBoundedAndKeepNoMemoryOfTheirRequests(t *testing.T) {
	begun, proceed := make(chan struct{}), make(chan struct{})
	loader := links.NewLoader(func(context.Context, []string) (map[string]*links.Link, error) {
		begun <- struct{}{}
		<-proceed
		return nil, links.ErrUnavailable
	})
	loader.Ask(t.Context(), "first")
	<-begun
	refused := 0
	more := testworld.HeapGrowth(func() {
		for n := range 10_000 {
			request := fmt.Sprintf("/r/%06d?%s", n, strings.Repeat("x", 16<<10))
			if loader.Full(t.Context(), request[3:9]) {
				refused++
			}
		}
	})
	if refused != 8000 || more > 4<<20 {
		t.Errorf("%d codes were refused, and the others keep %d KiB", refused, more>>10)
	}
	close(proceed)
	for range 2 {
		<-begun
	}
}

func TestFailedQueryFailsForAllItsCodes(t *testing.T) {
	fails := true
	loader := links.NewLoader(func(context.Context, []string) (map[string]*links.Link, error) {
		if fails {
			return nil, links.ErrUnavailable
		}
		return nil, nil
	})
	if _, err := loader.Ask(t.Context(), "a")(); !errors.Is(err, links.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	fails = false
	if _, err := loader.Ask(t.Context(), "a")(); !errors.Is(err, links.ErrUnknown) {
		t.Errorf("once it no longer fails: %v", err)
	}
}

func TestALinkInUseIsRenewedInTheBackground(t *testing.T) {
	w := newWorld(t)
	w.asOwner(insertLink, "ann1", "https://shop.example/old", nil, nil)
	w.expect("ann1", "https://shop.example/old")
	w.asOwner("UPDATE referral.link SET destination = 'https://shop.example/new'")
	w.now = w.now.Add(6 * time.Second)
	w.expect("ann1", "https://shop.example/old") // and asks
	w.directory.Settle()
	w.expect("ann1", "https://shop.example/new")
}
