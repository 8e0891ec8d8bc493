// Package clients tells one client from another: by the address it comes from,
// behind the proxies that are trusted, and how often it may ask for what is not
// there.
//
// Addresses are personal data. They leave this package only as keyed hashes;
// none is stored or logged.
package clients
