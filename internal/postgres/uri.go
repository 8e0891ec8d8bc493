package postgres

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// URIError is why a connection URI is refused. It never repeats the URI, since any part of it may
// be a misplaced password.
type URIError struct {
	Problem string // continues "the connection URI"
	Remedy  string
}

func (e *URIError) Error() string {
	return "the connection URI " + e.Problem + ": " + e.Remedy
}

// uri is everything that a connection URI may contain.
type uri struct {
	user, password  string
	hosts           []endpoint
	database        string
	sslMode         string // "", disable, allow, prefer, require, verify-ca or verify-full
	applicationName string
	connectTimeout  time.Duration
	sessionAttrs    string // "", any, read-write or primary
	channelBinding  string // "", disable, prefer or require
}

// endpoint is one host of a URI.
type endpoint struct {
	host string // a DNS name or IP address
	port uint16
}

// A Secret has up to 1 MiB, and a name may lead to thousands of addresses. Each host costs memory
// in every connection, and each address a login whenever no connection can be made.
const (
	uriBytes     = 8 << 10
	uriHosts     = 16
	uriAddresses = 32 // that are tried, of all hosts together
)

const (
	uriShape    = "write it as postgresql://user:password@host:5432/database"
	encode      = "percent-encode special characters in user, password and database (@ is %40, / is %2F, : is %3A, ? is %3F, # is %23, % is %25)"
	defaultPort = 5432
)

// parseURI accepts only listed parts of a postgres:// URI, so that nothing in it names a file, a
// socket, a service or anything else of this machine.
//
// A password that is not percent-encoded must not be taken apart, because its rest would become a
// host, database or parameter, whose names messages contain. So the URI has exactly one @, and
// it comes before the first / and ?: an @ in a password is a second one, and after a / or ? in a
// password the only one comes too late.
func parseURI(raw string) (*uri, error) {
	raw = strings.TrimSpace(raw)
	if len(raw) > uriBytes {
		return nil, &URIError{
			Problem: fmt.Sprintf("has more than %d KiB", uriBytes>>10),
			Remedy:  "shorten user, password, database and parameters, or name fewer hosts; " + uriShape,
		}
	}
	scheme, rest, _ := strings.Cut(raw, "://")
	if scheme != "postgresql" && scheme != "postgres" {
		return nil, &URIError{Problem: "must begin with postgresql:// or postgres://", Remedy: uriShape}
	}
	if strings.ContainsFunc(rest, func(r rune) bool { return r == '#' || r <= ' ' || r > '~' }) {
		return nil, &URIError{Problem: "contains a space, a line break, a # or a character that is not ASCII", Remedy: encode}
	}
	switch at, end := strings.IndexByte(rest, '@'), strings.IndexAny(rest, "/?"); {
	case at < 0 || end >= 0 && end < at:
		return nil, &URIError{Problem: "names no user before its first / or ?", Remedy: uriShape + ", and " + encode}
	case strings.Count(rest, "@") > 1:
		return nil, &URIError{Problem: "contains more than one @", Remedy: encode}
	}
	user, rest, _ := strings.Cut(rest, "@")
	rest, query, _ := strings.Cut(rest, "?")
	hosts, database, _ := strings.Cut(rest, "/")

	u := new(uri)
	if err := u.readUser(user); err != nil {
		return nil, err
	}
	if err := u.readHosts(hosts); err != nil {
		return nil, err
	}
	if err := u.readDatabase(database); err != nil {
		return nil, err
	}
	if err := u.readParameters(query); err != nil {
		return nil, err
	}
	return u, nil
}

func (u *uri) readUser(text string) error {
	user, password, _ := strings.Cut(text, ":")
	var err error
	if u.user, err = decode(user); err == nil {
		u.password, err = decode(password)
	}
	if err != nil {
		return &URIError{Problem: "has a user or password that is not percent-encoded", Remedy: encode}
	}
	if u.user == "" {
		return &URIError{Problem: "names no user", Remedy: uriShape}
	}
	return withoutControls("user", u.user)
}

// withoutControls refuses line breaks and the like in what is sent before the server has said
// anything: a service of another kind, to which a URI leads, could take them for its commands.
func withoutControls(part, text string) error {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return &URIError{Problem: "has a control character in its " + part, Remedy: "remove it; " + uriShape}
	}
	return nil
}

// hostName is a DNS name or an IPv4 address. It contains none of /, \ and @, for which the driver
// would open a socket file.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9.])?$`)

func (u *uri) readHosts(text string) error {
	if strings.Count(text, ",") >= uriHosts {
		return &URIError{Problem: fmt.Sprintf("names more than %d hosts", uriHosts), Remedy: "name the primary and its standbys, or one name that leads to the primary"}
	}
	for element := range strings.SplitSeq(text, ",") {
		var host, port string
		var hasPort bool
		if inner, after, closed := strings.Cut(strings.TrimPrefix(element, "["), "]"); closed && element[0] == '[' {
			ip, err := netip.ParseAddr(inner)
			if err != nil || !ip.Is6() || ip.Zone() != "" {
				return &URIError{Problem: "has no IPv6 address between [ and ]", Remedy: uriShape}
			}
			host = inner
			if port, hasPort = strings.CutPrefix(after, ":"); !hasPort && after != "" {
				return &URIError{Problem: "must have nothing but a port after an IPv6 address", Remedy: uriShape}
			}
		} else {
			host, port, hasPort = strings.Cut(element, ":")
			if host == "" {
				return &URIError{Problem: "names no host", Remedy: uriShape}
			}
			if !hostName.MatchString(host) {
				return &URIError{Problem: "has a host that is neither a DNS name nor an IP address", Remedy: uriShape + ", and " + encode}
			}
		}
		number := uint64(defaultPort)
		if hasPort {
			var err error
			if number, err = strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
				return &URIError{Problem: "must have a port from 1 to 65535", Remedy: uriShape + ", and " + encode}
			}
		}
		u.hosts = append(u.hosts, endpoint{host: host, port: uint16(number)})
	}
	return nil
}

func (u *uri) readDatabase(text string) error {
	name, err := decode(text)
	if err != nil {
		return &URIError{Problem: "has a database that is not percent-encoded", Remedy: encode}
	}
	if name == "" {
		return &URIError{Problem: "names no database", Remedy: uriShape}
	}
	u.database = name
	return withoutControls("database", name)
}

// encoded matches a part of a URI in which each delimiter is percent-encoded. The other marks
// delimit nothing, and encoders leave some of them as they are.
var encoded = regexp.MustCompile(`^([A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*$`)

var errNotEncoded = errors.New("not percent-encoded")

func decode(text string) (string, error) {
	if !encoded.MatchString(text) {
		return "", errNotEncoded
	}
	text, err := url.PathUnescape(text)
	if err == nil && strings.ContainsRune(text, 0) {
		err = errNotEncoded
	}
	return text, err
}

func (u *uri) readParameters(query string) error {
	for parameter := range strings.SplitSeq(query, "&") {
		if parameter == "" {
			continue
		}
		key, value, _ := strings.Cut(parameter, "=")
		value, err := url.PathUnescape(value)
		if err != nil || strings.ContainsRune(value, 0) {
			return &URIError{Problem: "has a parameter that is not percent-encoded", Remedy: encode}
		}
		if err := u.readParameter(key, value); err != nil {
			return err
		}
	}
	return nil
}

func (u *uri) readParameter(key, value string) error {
	choice := func(field *string, allowed ...string) error {
		if !slices.Contains(allowed, value) {
			return &URIError{Problem: fmt.Sprintf("has an unsupported %s", key), Remedy: "use one of " + strings.Join(allowed, ", ")}
		}
		*field = value
		return nil
	}
	switch key {
	case "sslmode":
		return choice(&u.sslMode, "disable", "allow", "prefer", "require", "verify-ca", "verify-full")
	case "channel_binding":
		return choice(&u.channelBinding, "disable", "prefer", "require")
	case "target_session_attrs":
		return choice(&u.sessionAttrs, "any", "read-write", "primary")
	case "application_name":
		u.applicationName = value
		return withoutControls("application_name", value)
	case "connect_timeout":
		seconds, err := strconv.Atoi(value)
		if err != nil || seconds < 1 || seconds > 60 {
			return &URIError{Problem: "has an unsupported connect_timeout", Remedy: "give whole seconds from 1 to 60"}
		}
		u.connectTimeout = time.Duration(seconds) * time.Second
		return nil
	}
	if remedy, known := refusedParameters[key]; known {
		return &URIError{Problem: fmt.Sprintf("has the unsupported parameter %q", key), Remedy: remedy}
	}
	return &URIError{Problem: "has an unknown parameter after its ?", Remedy: supported + "; or " + encode}
}

const (
	supported   = "supported are sslmode, application_name, connect_timeout, target_session_attrs, channel_binding"
	notHere     = "remove it; " + supported
	noFiles     = "remove it; files of the operator's machine are not read"
	inTheURI    = uriShape
	tlsSettings = "the database's TLS settings"
)

// refusedParameters are known parameters that are not accepted, and what to do instead of giving
// them. Messages name no other parameter, since it may be a part of a password.
var refusedParameters = map[string]string{
	"host": inTheURI, "hostaddr": inTheURI, "port": inTheURI, "user": inTheURI, "password": inTheURI, "dbname": inTheURI,

	"ssl":         "use sslmode, or " + tlsSettings,
	"sslrootcert": "name the certificate authority in " + tlsSettings + "; files of the operator's machine are not read",

	"passfile": noFiles, "service": noFiles, "servicefile": noFiles,
	"sslcert": noFiles, "sslcrl": noFiles, "sslcrldir": noFiles, "sslkey": noFiles, "sslkeylogfile": noFiles, "sslpassword": noFiles,

	"client_encoding": notHere, "fallback_application_name": notHere, "gssdelegation": notHere, "gssencmode": notHere,
	"gsslib": notHere, "keepalives": notHere, "keepalives_count": notHere, "keepalives_idle": notHere,
	"keepalives_interval": notHere, "krbsrvname": notHere, "load_balance_hosts": notHere, "max_protocol_version": notHere,
	"min_protocol_version": notHere, "options": notHere, "replication": notHere, "require_auth": notHere,
	"requirepeer": notHere, "search_path": notHere, "ssl_max_protocol_version": notHere, "ssl_min_protocol_version": notHere,
	"sslcertmode": notHere, "sslcompression": notHere, "sslnegotiation": notHere, "sslsni": notHere,
	"statement_timeout": notHere, "tcp_user_timeout": notHere, "timezone": notHere,
}
