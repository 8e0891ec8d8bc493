package model

// early and late draw hours around the start of the history: early for facts that mostly come
// first, late for those that mostly follow.
func (d drawing) early() int {
	if d.crowded {
		return of(d, 90, 80, 92)
	}
	return of(d, 90, 60, 80, 85, 90, 92, 95, 98, 100, 104)
}

func (d drawing) late() int {
	if d.crowded {
		return of(d, 99, 95, 98, 99, 104)
	}
	return of(d, 99, 80, 92, 95, 98, 99, 100, 104, 104, 120)
}

func (d drawing) typed() string {
	if d.mixed {
		return of(d, "a", "b", "B", "c")
	}
	if d.crowded {
		return of(d, "a", "b")
	}
	return of(d, "a", " a", "B\t", "b", "c", "unknown")
}

func (d drawing) link() addLink {
	l := addLink{Code: of(d, codes...), Campaign: d.campaign(), Referrer: of(d, d.referrers...), Label: of(d, "", "press")}
	if d.odd(8) {
		l.Expires = d.late()
	}
	if d.odd(8) {
		l.Disabled = d.late()
	}
	return l
}

func (d drawing) touch() addTouch {
	return addTouch{of(d, visitors...), of(d, "t1", "t2", "t3"), d.typed(), d.early()}
}

func (d drawing) signup() addSignup {
	s := addSignup{User: of(d, d.users...), At: d.early(), VIP: d.seldom(4)}
	if d.odd(2) {
		s.Visitor = of(d, visitors...)
	} else {
		s.Code = d.typed()
		if d.odd(2) { // the touches decide if the code names no link
			s.Visitor = of(d, visitors...)
		}
	}
	if d.odd(8) { // blank: no code
		s.Code = of(d, " ", "\t\n")
	}
	if d.odd(2) {
		s.Prints = of(d, nil, []string{"x"}, []string{"x", "y"}, []string{"y"})
	}
	return s
}

func (d drawing) purchase() addPurchase {
	p := addPurchase{User: of(d, d.users...), ID: of(d, ids...), Amount: of(d, paid...), Currency: "USD", At: d.late()}
	if d.odd(6) || d.mixed && d.seldom(4) {
		p.Currency = "EUR"
	}
	p.Category = of(d, "", "book", "gift-card")
	return p
}

func (d drawing) override() operation {
	user, purchase := of(d, d.users...), of(d, ids...)
	if d.seldom(3) {
		return noOverride{user, purchase}
	}
	return addOverride{user, purchase, of(d, "Allow", "Deny")}
}
