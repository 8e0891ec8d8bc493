package postgres

import (
	"context"
	"slices"
	"testing"
)

func TestAtMostSoManyAddressesOfAHostAreTried(t *testing.T) {
	lookup := func(context.Context, string) ([]string, error) {
		return []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}, nil
	}
	for most, want := range map[int]int{2: 2, 3: 3, 32: 3} {
		addresses, err := limitAddresses(lookup, most)(t.Context(), "db")
		if err != nil || len(addresses) != want || !slices.IsSorted(addresses) {
			t.Errorf("at most %d: got %v (%v)", most, addresses, err)
		}
	}
}
