package quota_test

import (
	"testing"

	"github.com/referral-operator/referral-operator/internal/quota"
)

// half is a quota of so many bytes, of which a tenant may have half of what the others leave.
func half(bytes int) *quota.Quota {
	return quota.New(func(others int) int { return (bytes - others) / 2 })
}

func TestTenantsLeaveMemoryToOthers(t *testing.T) {
	q := half(800)
	for _, c := range []struct {
		tenant string
		bytes  int
		want   bool
	}{
		{"a", 401, false}, {"a", 400, true}, {"a", 1, false},
		{"b", 201, false}, {"b", 200, true},
		{"c", 100, true}, {"c", 1, false},
	} {
		if got := q.Reserve(c.tenant, c.bytes); got != c.want {
			t.Errorf("%s reserves %d: %t", c.tenant, c.bytes, got)
		}
	}
	q.Release("a", 400)
	if !q.Reserve("b", 100) || q.Reserved() != 400 {
		t.Errorf("%d bytes are reserved", q.Reserved())
	}
}

func TestWhatIsKeptGrowsAndShrinks(t *testing.T) {
	q := half(4 << 20)
	kept, other := q.Keep("a"), q.Keep("a")
	for _, c := range []struct {
		bytes    int // of kept
		want     bool
		reserved int // of the quota
	}{
		{128 << 10, true, 0},
		{128<<10 + 1, true, 128 << 10},
		{256 << 10, true, 128 << 10},
		{2 << 20, true, 15 * 128 << 10},
		{3 << 20, false, 15 * 128 << 10},
		{1 << 20, true, 15 * 128 << 10},
	} {
		if got := kept.Grow(c.bytes); got != c.want || q.Reserved() != c.reserved {
			t.Errorf("%d bytes: %t, with %d reserved", c.bytes, got, q.Reserved())
		}
	}
	if other.Grow(1 << 20) {
		t.Error("the tenant has more than its half")
	}
	kept.Shrink(1 << 20)
	if !other.Grow(1<<20) || q.Reserved() != 14*128<<10 {
		t.Errorf("%d bytes are reserved", q.Reserved())
	}
	kept.Shrink(0)
	other.Shrink(0)
	if q.Reserved() != 0 {
		t.Errorf("%d bytes are reserved for nothing", q.Reserved())
	}
}
