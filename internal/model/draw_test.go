package model

import "pgregory.net/rapid"

// Random histories, of so few people, links and amounts that they meet all the
// time.

var (
	users     = []string{"ann", "bob", "cat", "dan"}
	referrers = []string{"ann", "ann", "bob", "cat"}
	codes     = []string{"a", "b", "c"}
	visitors  = []string{"v1", "v2"}
	ids       = []string{"p1", "p2", "p3"}
	amounts   = []int64{1000, 1, 333, 999, 1005, 2000, 4500, 4500, 6000}
	paid      = append([]int64{0}, amounts...)
)

// drawing is one history that is drawn. Half of them are crowded: nearly
// everything counts, in one campaign that has not room for all.
type drawing struct {
	*rapid.T
	crowded bool
}

// below draws a number from 0 to n-1, each as often as any other: rapid itself
// prefers the lower ones, of which a history soon has enough. Shrunk, it is 0.
func (d drawing) below(n int) (drawn int) {
	for bits := 8 * n; bits > 0; bits /= 2 {
		drawn *= 2
		if rapid.Bool().Draw(d.T, "bit") {
			drawn++
		}
	}
	return drawn % n
}

func of[T any](d drawing, from ...T) T { return from[d.below(len(from))] }

// seldom is true once in n times, and false when a history is shrunk.
func (d drawing) seldom(n int) bool { return d.below(n) == n-1 }

// odd is true once in n times, but not where it is crowded.
func (d drawing) odd(n int) bool { return !d.crowded && d.seldom(n) }

// drawHistory begins with what is needed for anything to happen at all.
func drawHistory(t *rapid.T) []operation {
	d := drawing{T: t}
	d.crowded = d.seldom(2)
	first := d.declare()
	first.Campaign, first.Suspended = "one", false
	operations := []operation{first}
	for i, code := range codes {
		l := d.link()
		l.Code = code
		if i == 0 {
			l.Campaign = "one"
		}
		operations = append(operations, l)
	}
	for _, user := range users {
		s := d.signup()
		s.User = user
		operations = append(operations, s)
	}
	for range 3 {
		if !d.crowded {
			operations = append(operations, d.touch())
		}
	}
	drawn := rapid.Custom(func(t *rapid.T) operation { return drawing{t, d.crowded}.operation() })
	for _, o := range rapid.SliceOfN(drawn, 20, 60).Draw(t, "operations") {
		if o != nil {
			operations = append(operations, o)
		}
	}
	return operations
}

// operation draws what happens, and how often it does. The first is what
// shrinking leaves in place of an operation that does not matter.
func (d drawing) operation() operation {
	switch n := d.below(32); {
	case n < 1:
		return nil
	case n < 10:
		return d.purchase()
	case n < 13:
		return addRefund{of(d, users...), of(d, ids...), of(d, "r1", "r2"), of(d, amounts...)}
	case n < 15:
		return removeRefund{of(d, users...), of(d, ids...), of(d, "r1", "r2")}
	case n < 22:
		return d.converge()
	case n < 24:
		return d.declare()
	case n < 26:
		return advance{of(d, 1, 3, 10, 30, 100)}
	case n < 28:
		return d.override()
	case n < 30:
		return d.rare()
	case d.crowded:
		return d.purchase()
	case n < 31:
		return d.signup()
	}
	return of[operation](d, d.link(), d.touch())
}

// rare draws what happens once in a while.
func (d drawing) rare() operation {
	switch d.below(16) {
	case 10:
		return d.resync()
	case 11, 12:
		return redeem{of(d, users...), of(d, "s1", "s2", "s3"), of[int64](d, 300, 500, 1, 5000), of(d, "USD", "EUR")}
	case 13, 14, 15:
		return erase{of(d, users...)}
	case 0:
		return d.signup()
	case 1:
		return d.link()
	case 2:
		return d.touch()
	case 3:
		return removeSignup{of(d, users...)}
	case 4:
		return of[operation](d, removeLink{of(d, codes...)}, removeTouch{of(d, visitors...), of(d, "t1", "t2", "t3")})
	case 5:
		return removePurchase{of(d, users...), of(d, ids...)}
	case 6:
		return of[operation](d, closeCampaign{d.campaign()}, reverseCampaign{d.campaign()})
	case 7:
		return settings{FirstTouch: d.seldom(2), Suspended: d.seldom(4)}
	case 8:
		return declare{Campaign: d.campaign(), PolicyMissing: true}
	}
	return adjust{of(d, users...), of(d, "j1", "j2"), of[int64](d, -700, 300), of(d, "USD", "EUR")}
}

func (d drawing) resync() resync {
	if d.seldom(2) {
		return resync{}
	}
	// No signups: of a referrer's fingerprints a comparison knows nothing.
	return resync{of[operation](d, d.purchase(), d.link(), d.touch(),
		removePurchase{of(d, users...), of(d, ids...)}, addRefund{of(d, users...), of(d, ids...), "r1", of(d, amounts...)},
		removeRefund{of(d, users...), of(d, ids...), "r1"}, d.override(), removeLink{of(d, codes...)})}
}

func (d drawing) converge() converge {
	c := converge{Batch: of(d, 0, 1, 2, 3, 7), Again: d.seldom(3)}
	switch d.below(6) {
	case 4:
		c.Two = true
	case 5:
		c.Crash, c.Deaf = 1+d.below(120), d.seldom(2)
	}
	return c
}
