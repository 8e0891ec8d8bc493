package edge_test

import (
	"testing"

	"github.com/referral-operator/referral-operator/internal/tracker/edge"
)

func TestVisitorsWithoutConsentAreNotRemembered(t *testing.T) {
	respectGPC := func(o *edge.Options) { o.RespectGPC = true }
	askConsent := func(o *edge.Options) { o.ConsentCookie = "consent" }
	for name, test := range map[string]struct {
		setting    func(*edge.Options)
		headers    []string
		remembered bool
	}{
		"nothing is asked for":           {func(*edge.Options) {}, []string{"Sec-GPC", "1"}, true},
		"privacy control, respected":     {respectGPC, []string{"Sec-GPC", "1"}, false},
		"privacy control, not sent":      {respectGPC, nil, true},
		"privacy control, switched off":  {respectGPC, []string{"Sec-GPC", "0"}, true},
		"consent, given":                 {askConsent, []string{"Cookie", "consent=yes"}, true},
		"consent, given in other words":  {askConsent, []string{"Cookie", "a=b; consent=analytics:1"}, true},
		"consent, not asked for yet":     {askConsent, nil, false},
		"consent, refused":               {askConsent, []string{"Cookie", "consent=Denied"}, false},
		"consent, refused with a number": {askConsent, []string{"Cookie", "consent=0"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.setting)
			for _, target := range []string{"/r/ann1", "/capture/?r=ann1"} {
				b := w.browser()
				response := b.do("GET", target, test.headers...)
				if target == "/r/ann1" {
					b.leads(response, 302, home)
				}
				if got := response.Header.Get("Set-Cookie") != ""; got != test.remembered {
					t.Errorf("%s: a cookie: %v", target, got)
				}
			}
			want := map[edge.Arrival]int{edge.Forgotten: 2}
			if test.remembered {
				want = map[edge.Arrival]int{edge.Touched: 2}
			}
			same(t, "arrivals", want, w.arrived)
			same(t, "touches", want[edge.Touched], len(w.written()))
		})
	}
}

func TestCaptureWithoutConsentNamesNoVisitor(t *testing.T) {
	w := newWorld(t, func(o *edge.Options) { o.RespectGPC = true })
	b := w.browser()
	b.do("GET", "/r/ann1")
	response := b.do("GET", "/capture/", "Sec-GPC", "1")
	same(t, "X-Referral-Visitor", "", response.Header.Get("X-Referral-Visitor"))
	same(t, "X-Referral-Code", "", response.Header.Get("X-Referral-Code"))
}
