package clients

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/realclientip/realclientip-go"
)

// PrivateRanges are the usual addresses of proxies: this machine and private networks.
const PrivateRanges = "127.0.0.0/8, ::1/128, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16, fc00::/7, fe80::/10"

// Proxies are the proxies whose headers about a request are trusted.
type Proxies struct {
	ranges    []netip.Prefix
	forwarded realclientip.RightmostTrustedRangeStrategy
}

// ParseProxies reads addresses and ranges, separated by commas. An empty list trusts no proxy.
func ParseProxies(list string) (*Proxies, error) {
	p := new(Proxies)
	var nets []net.IPNet
	for text := range strings.SplitSeq(list, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		prefix, err := parseRange(text)
		if err != nil {
			return nil, fmt.Errorf("%q must be an address or range such as 10.0.0.0/8 or 2001:db8::1", text)
		}
		p.ranges = append(p.ranges, prefix)
		nets = append(nets, net.IPNet{
			IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen()),
		})
	}
	var err error
	p.forwarded, err = realclientip.NewRightmostTrustedRangeStrategy("X-Forwarded-For", nets)
	if err != nil {
		return nil, fmt.Errorf("while reading the trusted proxies: %w", err)
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

// Address returns the client's address: the last address of the request's path that is not a
// trusted proxy. An unknown address is not valid.
func (p *Proxies) Address(r *http.Request) netip.Addr {
	from := peer(r)
	if !p.trusts(from) {
		return from
	}
	if text := p.forwarded.ClientIP(r.Header, r.RemoteAddr); text != "" {
		if addr, err := netip.ParseAddr(text); err == nil {
			return addr.Unmap().WithZone("")
		}
	}
	return from
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

func prefix(addr netip.Addr, bits int) netip.Prefix {
	if addr.Is4() {
		bits = 32
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // shared by all clients without a known address
	}
	return prefix
}
