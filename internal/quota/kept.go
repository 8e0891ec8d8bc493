package quota

// Kept is the memory of something that a tenant keeps, such as what is declared in one of its
// databases, and that is replaced from time to time. Its first bytes need no reservation. Whoever
// uses one serializes the calls.
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

// Keep returns the memory of something that does not exist yet.
func (q *Quota) Keep(tenant string) Kept { return Kept{quota: q, tenant: tenant} }

// Grow makes sure that as much is reserved as so many bytes in all need, and reports whether it could.
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

// Shrink releases what so many bytes in all do not need.
func (k *Kept) Shrink(bytes int) {
	if less := k.reserved - reservation(bytes); less > 0 {
		k.quota.Release(k.tenant, less)
		k.reserved -= less
	}
}

// reservation returns how much must be reserved for so many bytes.
func reservation(bytes int) int {
	if bytes <= free {
		return 0
	}
	return (bytes - free + step - 1) / step * step
}
