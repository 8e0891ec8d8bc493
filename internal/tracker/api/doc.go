// Package api takes facts over HTTP, under /v1, from applications that do
// not write SQL themselves.
//
// Types are declared once, in Go: the OpenAPI document and the checks of a body
// follow from their tags. Whatever is refused is refused as a problem (RFC 9457)
// that names the field; nothing that a client sends is a 5xx. 201 is answered
// after the commit, and while the database is away it is 503 with Retry-After.
//
// What facts are stored as, and when two are the same, is package facts' to
// know; here are HTTP, JSON and tokens.
package api
