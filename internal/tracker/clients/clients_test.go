package clients_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/tracker/clients"
)

func request(remote string, forwarded ...string) *http.Request {
	return &http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": forwarded}}
}

func TestClientIsTheLastAddressThatIsNoTrustedProxy(t *testing.T) {
	proxies, err := clients.ParseProxies("10.0.0.0/8, 2001:db8:1::/48,192.0.2.7")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		request *http.Request
		want    string
	}{
		"no proxy":                              {request("198.51.100.1:1234"), "198.51.100.1"},
		"an untrusted peer's header is ignored": {request("198.51.100.1:1234", "203.0.113.9"), "198.51.100.1"},
		"a trusted proxy":                       {request("10.1.2.3:80", "203.0.113.9"), "203.0.113.9"},
		"two of them":                           {request("10.1.2.3:80", "203.0.113.9, 192.0.2.7"), "203.0.113.9"},
		"what the client wrote itself":          {request("10.1.2.3:80", "127.0.0.1, 8.8.8.8, 203.0.113.9"), "203.0.113.9"},
		"in several headers":                    {request("10.1.2.3:80", "8.8.8.8", "203.0.113.9, 10.9.9.9"), "203.0.113.9"},
		"over IPv6":                             {request("[2001:db8:1::5]:80", "2001:db8:2::1"), "2001:db8:2::1"},
		"IPv4 written as IPv6":                  {request("[::ffff:10.1.2.3]:80", "::ffff:203.0.113.9"), "203.0.113.9"},
		"all of them are proxies":               {request("10.1.2.3:80", "10.4.5.6"), "10.1.2.3"},
		"with a port":                           {request("10.1.2.3:80", "203.0.113.9:4321, 10.4.5.6:80"), "203.0.113.9"},
		"over IPv6 in brackets":                 {request("10.1.2.3:80", "[2001:db8:2::1]"), "2001:db8:2::1"},
		"over IPv6 with a port":                 {request("10.1.2.3:80", "[2001:db8:2::1]:4321"), "2001:db8:2::1"},
		"IPv4 written as IPv6 with a port":      {request("10.1.2.3:80", "[::ffff:203.0.113.9]:4321"), "203.0.113.9"},
		"over IPv6 with a zone":                 {request("10.1.2.3:80", "fe80::1%eth0"), "fe80::1"},
		"a header that is no address":           {request("10.1.2.3:80", "evil"), "10.1.2.3"},
		"an entry that is no address":           {request("10.1.2.3:80", "203.0.113.9, evil"), "10.1.2.3"},
		"an empty entry":                        {request("10.1.2.3:80", "203.0.113.9, "), "10.1.2.3"},
		"an empty line":                         {request("10.1.2.3:80", "203.0.113.9", ""), "10.1.2.3"},
		"an unspecified address":                {request("10.1.2.3:80", "203.0.113.9, ::"), "10.1.2.3"},
		"an address after one that is none":     {request("10.1.2.3:80", "evil, 203.0.113.9"), "203.0.113.9"},
		"many proxies":                          {request("10.1.2.3:80", "203.0.113.9"+strings.Repeat(", 10.4.5.6", 20)), "203.0.113.9"},
		"no header":                             {request("10.1.2.3:80"), "10.1.2.3"},
		"unknown":                               {request("@"), "invalid IP"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := proxies.Address(test.request).String(); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

// A client may write as much as fits into a header. The gateway's own entry is the last one, or the
// only one if it is that of a client in a trusted network.
func TestLongListOfProxiesIsNotReadToItsBeginning(t *testing.T) {
	proxies, err := clients.ParseProxies(clients.PrivateRanges)
	if err != nil {
		t.Fatal(err)
	}
	const length = 256 << 10
	for name, r := range map[string]*http.Request{
		"before the client":        request("10.1.2.3:80", strings.Repeat("::1,", length/4)+"203.0.113.9"),
		"before it, in many lines": request("10.1.2.3:80", append(slices.Repeat([]string{"::1"}, length/20), "203.0.113.9")...),
		"of nothing but proxies":   request("10.1.2.3:80", strings.Repeat("::1,", length/4)+"::1"),
		"in many lines":            request("10.1.2.3:80", slices.Repeat([]string{"::1"}, length/20)...),
		"with a long zone":         request("10.1.2.3:80", "fe80::1%"+strings.Repeat("x", length)),
	} {
		if times := testing.AllocsPerRun(10, func() { proxies.Address(r) }); times > 0 {
			t.Errorf("%s: memory is allocated %v times", name, times)
		}
	}
	if got := proxies.Address(request("10.1.2.3:80", "203.0.113.9,"+strings.Repeat("::1,", length/4)+"::1")).String(); got != "10.1.2.3" {
		t.Errorf("a list of nearly nothing but proxies is read up to %s", got)
	}
}

func TestTrustedProxiesAreAddressesAndRanges(t *testing.T) {
	for list, good := range map[string]bool{
		"": true, clients.PrivateRanges: true, "10.0.0.1": true, " ::1 , 10.0.0.0/8,": true,
		"10.0.0.0/33": false, "shop.example": false, "fe80::1%eth0": false, "10.0.0.0/8 10.0.0.1": false, "::ffff:10.0.0.0/104": false,
	} {
		if _, err := clients.ParseProxies(list); (err == nil) != good {
			t.Errorf("%q: %v", list, err)
		}
	}
	none, err := clients.ParseProxies("")
	if err != nil || none.Trusts(request("127.0.0.1:1")) {
		t.Errorf("an empty list trusts a proxy: %v", err)
	}
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestAddressHashChangesDaily(t *testing.T) {
	hash := clients.NewAddressHash([]byte("secret"))
	one, other := netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("203.0.113.10")
	if hash.Of(one, noon) != hash.Of(one, noon.Add(11*time.Hour)) {
		t.Error("a client changes within a day")
	}
	six, neighbour := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	if hash.Of(six, noon) != hash.Of(neighbour, noon) {
		t.Error("one IPv6 network has two clients")
	}
	seen := map[string]bool{}
	for _, text := range []string{
		hash.Of(one, noon), hash.Of(one, noon.AddDate(0, 0, 1)), hash.Of(other, noon), hash.Of(six, noon),
		clients.NewAddressHash([]byte("another")).Of(one, noon),
	} {
		if seen[text] || len(text) != 32 || strings.Contains(text, "203") && strings.Contains(text, "113") {
			t.Errorf("hash %q", text)
		}
		seen[text] = true
	}
	if off := clients.NewAddressHash(nil).Of(one, noon); off != "" {
		t.Errorf("hashing that is off gives %q", off)
	}
}

// allows reports whether the limits allow an unknown code.
func allows(limiter *clients.Limiter, addr netip.Addr, code string, now time.Time) bool {
	return limiter.Spend(addr, code, now) == clients.Allowed
}

func TestEachClientHasALimitOfItsOwn(t *testing.T) {
	limiter := clients.NewLimiter(clients.Limit{Burst: 3, PerSec: 0.5}, clients.Limit{})
	one, other := netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("203.0.113.10")
	for _, code := range []string{"a", "b", "c"} {
		if !allows(limiter, one, code, noon) {
			t.Fatal("limited before the limit")
		}
	}
	if allows(limiter, one, "d", noon) {
		t.Error("not limited")
	}
	if !allows(limiter, other, "d", noon) {
		t.Error("limited for the codes of another client")
	}
	later := noon.Add(limiter.RetryAfter())
	if !allows(limiter, one, "d", later) || allows(limiter, one, "e", later) {
		t.Error("RetryAfter is not the time until the next code is allowed")
	}
}

func TestRepeatedCodeCountsOnce(t *testing.T) {
	limiter := clients.NewLimiter(clients.Limit{Burst: 2, PerSec: 0.5}, clients.Limit{})
	client := netip.MustParseAddr("203.0.113.9")
	for range 100 {
		if !allows(limiter, client, "mistyped", noon) {
			t.Fatal("limited")
		}
	}
	if !allows(limiter, client, "other", noon) || allows(limiter, client, "third", noon) {
		t.Error("the limit is not of two codes")
	}
	if !allows(limiter, client, "mistyped", noon) {
		t.Error("a code that was counted is refused")
	}
}

func TestAnIPv6NetworkIsOneClient(t *testing.T) {
	limiter := clients.NewLimiter(clients.Limit{Burst: 1, PerSec: 1}, clients.Limit{})
	allows(limiter, netip.MustParseAddr("2001:db8::1"), "a", noon)
	if allows(limiter, netip.MustParseAddr("2001:db8::ffff"), "b", noon) {
		t.Error("a client evades the limit within its own network")
	}
	if !allows(limiter, netip.MustParseAddr("2001:db8:0:1::1"), "b", noon) {
		t.Error("another network is limited too")
	}
}

// A provider may translate its customers' IPv4 addresses: all of them then have one IPv6 /64.
func TestIPv4ClientsBehindATranslatorHaveLimitsOfTheirOwn(t *testing.T) {
	unknown := clients.NewLimiter(clients.Limit{Burst: 1, PerSec: 1}, clients.Limit{})
	touches := clients.NewTouchLimiter(clients.Limit{Burst: 1, PerSec: 1}, clients.Limit{}, clients.Limit{})
	for i := range 100 { // more than an IPv6 /48 may have
		addr := netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})
		translated := netip.MustParseAddr("64:ff9b::" + addr.String())
		if !allows(unknown, translated, fmt.Sprint(i), noon) || !touches.Allow(translated, fmt.Sprint(i), noon) {
			t.Fatalf("%s is limited for the requests of others", translated)
		}
		if allows(unknown, addr, "other", noon) || touches.Allow(addr, "other", noon) {
			t.Fatalf("%s is another client than %s", addr, translated)
		}
	}
	hash := clients.NewAddressHash([]byte("secret"))
	if one, other := hash.Of(netip.MustParseAddr("64:ff9b::203.0.113.9"), noon), hash.Of(netip.MustParseAddr("203.0.113.9"), noon); one != other {
		t.Error("the access log shows one client as two")
	}
}

// RFC 6052 translates no private address this way, so such a peer is no gateway.
func TestTranslatedAddressIsNoTrustedProxy(t *testing.T) {
	proxies, err := clients.ParseProxies(clients.PrivateRanges)
	if err != nil {
		t.Fatal(err)
	}
	r := request("[64:ff9b::10.1.2.3]:80", "203.0.113.9")
	if proxies.Trusts(r) || proxies.Address(r).String() != "64:ff9b::a01:203" {
		t.Errorf("the client is %s", proxies.Address(r))
	}
}

func TestBurstOfZeroMeansNoLimit(t *testing.T) {
	limiter := clients.NewLimiter(clients.Limit{}, clients.Limit{})
	for n := range 100 {
		if !allows(limiter, netip.Addr{}, strconv.Itoa(n), noon) {
			t.Fatal("limited")
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"", "203.0.113.9", "1.2.3.4, 10.0.0.1", "[::1]:80", "evil", "fe80::1%eth0", ",,,"} {
		f.Add(seed)
	}
	proxies, err := clients.ParseProxies("10.0.0.0/8")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, forwarded string) {
		if addr := proxies.Address(request("10.0.0.1:80", forwarded)); !addr.IsValid() || addr.Zone() != "" || addr.Is4In6() {
			t.Errorf("%q comes from %s", forwarded, addr)
		}
	})
}

func TestAllClientsTogetherAreLimited(t *testing.T) {
	limiter := clients.NewLimiter(clients.Limit{Burst: 30, PerSec: 0.5}, clients.Limit{Burst: 100, PerSec: 1})
	now := time.Now()
	verdicts := map[clients.Verdict]int{}
	for i := range 1000 {
		// A load balancer that passes on what clients claim: another address for each code.
		verdicts[limiter.Spend(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), fmt.Sprint("code", i), now)]++
	}
	if verdicts[clients.Allowed] != 100 || verdicts[clients.TotalExceeded] != 900 {
		t.Errorf("verdicts: %v", verdicts)
	}
}

// Visitors behind one address follow a misprinted link while others flood the tracker.
func TestRepeatedCodeCountsOnceWhileAllClientsAreAtTheirLimit(t *testing.T) {
	limiter := clients.NewLimiter(clients.Limit{Burst: 2, PerSec: 1e-9}, clients.Limit{Burst: 1, PerSec: 1})
	client := netip.MustParseAddr("203.0.113.9")
	limiter.Spend(netip.MustParseAddr("198.51.100.1"), "flood", noon)
	for range 100 {
		if got := limiter.Spend(client, "mistyped", noon); got != clients.TotalExceeded {
			t.Fatalf("verdict: %v", got)
		}
	}
	later := noon.Add(time.Second)
	if got := limiter.Spend(client, "mistyped", later); got != clients.Allowed {
		t.Errorf("after the flood: %v", got)
	}
	if got := limiter.Spend(client, "other", later); got != clients.TotalExceeded {
		t.Errorf("the second code of two: %v", got)
	}
	if got := limiter.Spend(client, "third", later); got != clients.ClientExceeded {
		t.Errorf("the third code of two: %v", got)
	}
}

func TestTouchesOfOneClientAndOfOneVisitorAreLimited(t *testing.T) {
	limiter := clients.NewTouchLimiter(clients.Limit{Burst: 5, PerSec: 1}, clients.Limit{Burst: 2, PerSec: 0.1}, clients.Limit{})
	now := time.Now()
	one, other := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.2")
	count := func(addr netip.Addr, visitorID func(int) string) (allowed int) {
		for i := range 10 {
			if limiter.Allow(addr, visitorID(i), now) {
				allowed++
			}
		}
		return allowed
	}
	same := func(int) string { return "v" }
	if got := count(one, same); got != 2 {
		t.Errorf("one visitor: %d", got)
	}
	if got := count(one, func(i int) string { return fmt.Sprint("v", i) }); got != 3 {
		t.Errorf("further visitors of the same client: %d", got)
	}
	if got := count(other, func(i int) string { return fmt.Sprint("w", i) }); got != 5 {
		t.Errorf("another client: %d", got)
	}
	now = now.Add(10 * time.Second)
	if got := count(other, same); got != 1 {
		t.Errorf("the visitor, later: %d", got)
	}
	unlimited := clients.NewTouchLimiter(clients.Limit{}, clients.Limit{}, clients.Limit{})
	for range 100 {
		if !unlimited.Allow(one, "v", now) {
			t.Fatal("a limiter without limits refuses")
		}
	}
}

func TestTouchesOfAnIPv6SiteAndOfAllClientsAreLimited(t *testing.T) {
	limiter := clients.NewTouchLimiter(clients.Limit{Burst: 2, PerSec: 1}, clients.Limit{}, clients.Limit{Burst: 50, PerSec: 3})
	count := func(requests int, address string, now time.Time) (allowed int) {
		for i := range requests {
			if limiter.Allow(netip.MustParseAddr(fmt.Sprintf(address, i)), "v", now) {
				allowed++
			}
		}
		return allowed
	}
	if got := count(100, "2001:db8:0:%x::1", noon); got != 20 {
		t.Errorf("one site: %d, want that of ten clients", got)
	}
	if got := count(100, "2001:db8:%x::1", noon); got != 30 {
		t.Errorf("other sites: %d, want all that is left", got)
	}
	if got := count(100, "198.51.100.%d", noon.Add(time.Second)); got != 3 {
		t.Errorf("a second later: %d", got)
	}
}

func TestFloodOfOthersUsesUpNoClientsOwnAllowance(t *testing.T) {
	limiter := clients.NewTouchLimiter(clients.Limit{Burst: 2}, clients.Limit{}, clients.Limit{Burst: 1, PerSec: 1})
	one := netip.MustParseAddr("198.51.100.1")
	for second := range 3 {
		allowed := 0
		for range 10 {
			if limiter.Allow(one, "v", noon.Add(time.Duration(second)*time.Second)) {
				allowed++
			}
		}
		if want := []int{1, 1, 0}[second]; allowed != want {
			t.Errorf("second %d: %d, want %d", second, allowed, want)
		}
	}
}
