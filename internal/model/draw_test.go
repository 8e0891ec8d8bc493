package model

import (
	"fmt"

	"pgregory.net/rapid"
)

// Random histories have few people, links and amounts, so that these collide often.

var (
	codes    = []string{"a", "b", "c"}
	visitors = []string{"v1", "v2"}
	ids      = []string{"p1", "p2", "p3"}
	amounts  = []int64{1000, 1, 333, 999, 1005, 2000, 4500, 4500, 6000}
	paid     = append([]int64{0}, amounts...)
)

// drawing draws one history. Most histories are crowded: nearly every purchase counts, in campaigns
// without capacity for all. Most of these are mixed: every other operation occurs as well.
//
// In a third of the histories the loss of a few rows is a mass reversal, and rows are lost more
// often.
type drawing struct {
	*rapid.T
	crowded, mixed   bool
	lossy            bool
	users, referrers []string
}

// people draws users and referrers: either four users, or 20 to 39. Names differ between histories,
// and so do shards.
func (d drawing) people() (users, referrers []string) {
	suffix := of(d, "", "1", "2", "3", "4", "5", "6", "7")
	if d.crowded && d.seldom(4) {
		for n := range 20 + d.below(20) {
			users = append(users, fmt.Sprintf("u%s%02d", suffix, n))
		}
		return users, users[:3]
	}
	users = []string{"ann" + suffix, "bob" + suffix, "cat" + suffix, "dan" + suffix}
	return users, []string{users[0], users[0], users[1], users[2]}
}

// many reports whether there are more users than a small batch takes.
func (d drawing) many() bool { return len(d.users) > 4 }

// below draws a number from 0 to n-1 with equal probability, unlike rapid, which prefers low
// numbers. It shrinks to 0.
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

// seldom is true once in n times. It shrinks to false.
func (d drawing) seldom(n int) bool { return d.below(n) == n-1 }

// odd is true once in n times, and never in a history that is crowded and not mixed.
func (d drawing) odd(n int) bool { return (!d.crowded || d.mixed) && d.seldom(n) }

// drawHistory draws operations, beginning with a campaign, links and signups.
func drawHistory(t *rapid.T) []operation {
	d := drawing{T: t}
	d.crowded = d.below(4) > 0
	d.mixed = d.crowded && d.seldom(2)
	d.lossy = d.seldom(3)
	d.users, d.referrers = d.people()
	first := d.declare()
	first.Campaign, first.Suspended = "one", false
	operations := []operation{first}
	if d.lossy {
		operations = append(operations, limitLosses{of[int64](d, 1, 2, 3)})
	}
	if d.mixed {
		second := d.declare()
		second.Campaign, second.Suspended = "two", false
		operations = append(operations, second)
	}
	for i, code := range codes {
		l := d.link()
		l.Code = code
		if i == 0 {
			l.Campaign = "one"
		}
		operations = append(operations, l)
	}
	for _, user := range d.users {
		s := d.signup()
		s.User = user
		operations = append(operations, s)
	}
	if d.many() {
		for _, user := range d.users {
			p := d.purchase()
			p.User = user
			operations = append(operations, p)
			if d.seldom(8) {
				operations = append(operations, d.converge())
			}
		}
	}
	for range 3 {
		if !d.crowded || d.mixed {
			operations = append(operations, d.touch())
		}
	}
	drawn := rapid.Custom(func(t *rapid.T) operation { return d.with(t).operation() })
	for _, o := range rapid.SliceOfN(drawn, 20, 60).Draw(t, "operations") {
		if o != nil {
			operations = append(operations, o)
		}
	}
	return operations
}

// with returns the same drawing with another source of randomness.
func (d drawing) with(t *rapid.T) drawing {
	d.T = t
	return d
}

// operation draws an operation; the numbers are its frequency. Shrinking replaces an operation that
// does not matter by the first, which is none.
func (d drawing) operation() operation {
	switch n := d.below(32); {
	case n < 1:
		return nil
	case d.mixed && n < 3:
		return d.mode()
	case d.lossy && n < 5:
		return d.loss()
	case n < 9:
		return d.purchase()
	case n < 10:
		return d.transaction()
	case n < 13:
		return addRefund{of(d, d.users...), of(d, ids...), of(d, "r1", "r2"), of(d, amounts...)}
	case n < 15:
		return removeRefund{of(d, d.users...), of(d, ids...), of(d, "r1", "r2")}
	case n < 20:
		return d.converge()
	case n < 22:
		return d.beside()
	case n < 24:
		return d.edit()
	case n < 26:
		return advance{of(d, 1, 3, 10, 30, 100)}
	case n < 28:
		return d.override()
	case n < 30:
		return d.rare()
	case d.mixed:
		return of[operation](d, d.mode(), d.mode(), d.signup(), d.touch(), d.link(), removeLink{of(d, codes...)})
	case d.crowded:
		return d.purchase()
	case n < 31:
		return d.signup()
	}
	return of[operation](d, d.link(), d.touch())
}

// rare draws one of the less frequent operations.
func (d drawing) rare() operation {
	switch d.below(22) {
	case 18:
		return truncate{of(d, truncated...)}
	case 19, 20:
		return retain{of(d, 1, 24)}
	case 21:
		return d.move()
	case 16, 17:
		return permit{d.campaign()}
	case 10, 13:
		return d.resync()
	case 11, 12:
		return d.redeem()
	case 14, 15:
		return erase{of(d, d.users...)}
	case 0:
		return of[operation](d, d.signup(), refuse{of(d, d.users...)}, refuse{of(d, d.users...)}, refuse{})
	case 1:
		return d.link()
	case 2:
		return d.touch()
	case 3:
		return removeSignup{of(d, d.users...)}
	case 4:
		return of[operation](d, removeLink{of(d, codes...)}, removeTouch{of(d, visitors...), of(d, "t1", "t2", "t3")})
	case 5:
		return removePurchase{of(d, d.users...), of(d, ids...)}
	case 6:
		return d.mode()
	case 7:
		return settings{FirstTouch: d.seldom(2), Suspended: d.seldom(4)}
	case 8:
		return declare{Campaign: d.campaign(), PolicyMissing: true}
	}
	return d.adjust()
}

// loss draws what leads to withheld pairs, or ends them: rows are lost, whether triggers see it or
// not, rows come back, or a reversal is permitted.
func (d drawing) loss() operation {
	switch d.below(8) {
	case 7:
		return permit{d.campaign()}
	case 6:
		return regain{of(d, amounts...)}
	case 5:
		return resync{Hidden: lose{d.campaign(), 1 + d.below(5)}}
	case 4:
		return removeSignup{of(d, d.users...)}
	}
	return lose{d.campaign(), 1 + d.below(5)}
}

func (d drawing) adjust() adjust {
	return adjust{of(d, d.users...), of(d, "j1", "j2"), of[int64](d, -700, 300), of(d, "USD", "EUR")}
}

func (d drawing) redeem() redeem {
	return redeem{of(d, d.users...), of(d, "s1", "s2", "s3"), of[int64](d, 300, 500, 1, 5000), of(d, "USD", "EUR")}
}

func (d drawing) resync() resync {
	switch d.below(4) {
	case 0:
		return resync{}
	case 1, 2:
		return resync{Tampered: of(d, tampered...)}
	}
	return resync{Hidden: of[operation](d, d.purchase(), d.link(), d.touch(), d.signup(),
		removePurchase{of(d, d.users...), of(d, ids...)}, addRefund{of(d, d.users...), of(d, ids...), "r1", of(d, amounts...)},
		removeRefund{of(d, d.users...), of(d, ids...), "r1"}, d.override(), removeLink{of(d, codes...)})}
}

// fact draws an operation that writes, corrects or deletes a fact.
func (d drawing) fact() operation {
	return of[operation](d, d.purchase(), d.purchase(), d.purchase(), addRefund{of(d, d.users...), of(d, ids...), "r1", of(d, amounts...)},
		removeRefund{of(d, d.users...), of(d, ids...), "r1"}, d.override(), d.signup(), d.link(), d.touch(),
		removePurchase{of(d, d.users...), of(d, ids...)}, removeSignup{of(d, d.users...)}, removeLink{of(d, codes...)}, d.move())
}

// move draws a fact that gets another key.
func (d drawing) move() operation {
	return of[operation](d, moveLink{of(d, codes...), of(d, "a", "b", "c", "unknown")},
		moveTouch{of(d, visitors...), of(d, "t1", "t2", "t3"), of(d, visitors...), of(d, "t1", "t2", "t3")},
		moveSignup{of(d, d.users...), of(d, d.users...)},
		movePurchase{of(d, d.users...), of(d, ids...), of(d, d.users...), of(d, ids...)},
		movePurchase{of(d, d.users...), of(d, ids...), of(d, d.users...), of(d, ids...)})
}

// transaction draws facts that are written in a transaction which stays open.
func (d drawing) transaction() operation {
	if d.seldom(3) {
		return finish{Commit: !d.seldom(3)}
	}
	o := transaction{Repeatable: d.seldom(3)}
	for range 1 + d.below(4) {
		o.What = append(o.What, d.fact())
	}
	return o
}

// beside draws an operation that runs during a convergence.
func (d drawing) beside() operation {
	return beside{of(d, 1, 2, 3, 7), 1 + d.below(120), of[operation](d,
		d.fact(), d.fact(), d.fact(), d.fact(), d.fact(), d.redeem(), d.adjust(),
		d.declare(), again{d.campaign(), of(d, open, suspended, policyMissing)}, closeCampaign{d.campaign()}, settings{FirstTouch: d.seldom(2)},
		reverseCampaign{d.campaign()}, erase{of(d, d.users...)}, erase{of(d, d.users...)}, anotherResync{}, anotherResync{},
		another{of(d, 0, 1, 2, 3, 7)}, another{of(d, 0, 1, 2, 3, 7)})}
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
