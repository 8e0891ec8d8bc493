// Package api takes facts over HTTP, under /v1, from applications that do not write SQL themselves.
//
// Bodies are declared once, in types.go: the OpenAPI document and the checks of a body follow from
// their tags. A refusal is a problem (RFC 9457) that names the field; nothing that a client sends
// causes a 5xx. 201 is answered after the commit; while the database is away the answer is 503 with
// Retry-After.
//
// The package knows HTTP, JSON and tokens. Package facts knows how facts are stored and when two
// are the same.
//
// # Why huma
//
// huma derives the OpenAPI document from Go types, checks bodies and parameters against the same
// schemas, and writes problems. Two things it does too leniently for money: it reads bodies with
// encoding/json (the last of two equal names wins, large numbers lose digits), and it ignores the
// case of names. So this package reads bodies itself (parse.go, posted.go) and calls huma for the
// rest. Without huma, net/http would route as well as now, but the document would be written by
// hand or by another generator, and a validator for it added: more code than the two workarounds,
// and one more place where document and checks could differ.
package api
