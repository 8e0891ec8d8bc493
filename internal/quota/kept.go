package quota

// Kept is what one object of a tenant, such as the configuration of a database, has reserved of a
// Quota. The object may be replaced by a larger or a smaller one. Its methods must not be called
// concurrently.
type Kept struct {
	quota    *Quota
	tenant   string
	reserved int
}

// The first bytes of each Kept are free, and what is beyond them is reserved in steps.
const (
	free = 128 << 10
	step = 128 << 10
)

// Keep returns a Kept that has reserved nothing.
func (q *Quota) Keep(tenant string) Kept { return Kept{quota: q, tenant: tenant} }

// Grow reserves what an object of that many bytes needs. If that is not possible, it changes
// nothing and returns false.
func (k *Kept) Grow(bytes int) bool {
	more := reservation(bytes) - k.reserved
	if more <= 0 {
		return true
	}
	if !k.quota.Reserve(k.tenant, more) {
		return false
	}
	k.reserved += more
	return true
}

// Shrink releases what an object of that many bytes does not need.
func (k *Kept) Shrink(bytes int) {
	if less := k.reserved - reservation(bytes); less > 0 {
		k.quota.Release(k.tenant, less)
		k.reserved -= less
	}
}

// reservation returns how much an object of that many bytes has to reserve.
func reservation(bytes int) int {
	if bytes <= free {
		return 0
	}
	return (bytes - free + step - 1) / step * step
}
