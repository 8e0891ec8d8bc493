package clients

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// PrivateRanges are the usual addresses of proxies: this machine and private networks.
const PrivateRanges = "127.0.0.0/8, ::1/128, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16, fc00::/7, fe80::/10"

// Proxies are the proxies whose headers about a request are trusted.
type Proxies struct{ ranges []netip.Prefix }

// ParseProxies reads addresses and ranges, separated by commas. An empty list trusts no proxy.
func ParseProxies(list string) (*Proxies, error) {
	p := new(Proxies)
	for text := range strings.SplitSeq(list, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		prefix, err := parseRange(text)
		if err != nil {
			return nil, fmt.Errorf("%q must be an address or range such as 10.0.0.0/8 or 2001:db8::1", text)
		}
		p.ranges = append(p.ranges, prefix)
	}
	return p, nil
}

func parseRange(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		if addr.Zone() != "" {
			return netip.Prefix{}, errors.New("has a zone")
		}
		addr = addr.Unmap()
		return addr.Prefix(addr.BitLen())
	}
	prefix, err := netip.ParsePrefix(text)
	if err == nil && prefix.Addr().Is4In6() {
		err = errors.New("is an IPv4 range written as IPv6")
	}
	return prefix.Masked(), err
}

// Trusts reports whether the request was sent by a trusted proxy.
func (p *Proxies) Trusts(r *http.Request) bool { return p.trusts(peer(r)) }

func (p *Proxies) trusts(addr netip.Addr) bool {
	for _, prefix := range p.ranges {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// mostProxies is how many trusted proxies are looked for in X-Forwarded-For. A request passes a few;
// a client may write tens of thousands into a header.
const mostProxies = 32

// Address returns the client's address: the last address of the request's path that is not a
// trusted proxy. If there is none, it is the address at the other end of the connection. An unknown
// address is not valid.
func (p *Proxies) Address(r *http.Request) netip.Addr {
	from := peer(r)
	if !p.trusts(from) {
		return from
	}
	passed := 0
	for _, line := range slices.Backward(r.Header["X-Forwarded-For"]) {
		for end := len(line); end >= 0; {
			begin := strings.LastIndexByte(line[:end], ',') + 1
			addr, ok := parseHop(line[begin:end])
			if passed++; !ok || passed > mostProxies {
				return from
			}
			if !p.trusts(addr) {
				return addr
			}
			end = begin - 1
		}
	}
	return from
}

// parseHop reads an entry of X-Forwarded-For: an address, possibly in brackets, with a port and with
// a zone. It reports whether it is one.
func parseHop(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if inside, bracketed := strings.CutPrefix(text, "["); bracketed {
		text, _, _ = strings.Cut(inside, "]")
	} else if ipv4, _, colon := strings.Cut(text, ":"); colon && strings.Contains(ipv4, ".") {
		text = ipv4
	}
	text, _, _ = strings.Cut(text, "%")
	addr, err := netip.ParseAddr(text)
	addr = addr.Unmap()
	return addr, err == nil && !addr.IsUnspecified()
}

// peer is the address at the other end of the connection.
func peer(r *http.Request) netip.Addr {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Addr().Unmap().WithZone("")
}

// network returns the network of one client: an IPv4 address or an IPv6 /64.
func network(addr netip.Addr) netip.Prefix { return prefix(addr, 64) }

// site returns the network of one customer of a provider: an IPv4 address or an IPv6 /48.
func site(addr netip.Addr) netip.Prefix { return prefix(addr, 48) }

// nat64 has the addresses that a translator gives to IPv4 clients: the last four bytes are the
// client's own address (RFC 6052). Whether a peer is trusted is decided by its address as it is.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func prefix(addr netip.Addr, bits int) netip.Prefix {
	if nat64.Contains(addr) {
		bytes := addr.As16()
		addr = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	if addr.Is4() {
		bits = 32
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // shared by all clients without a known address
	}
	return prefix
}
