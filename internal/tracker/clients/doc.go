// Package clients identifies clients by their addresses, behind trusted proxies, and limits how
// often a client may request unknown codes.
//
// Addresses are personal data. They leave this package only as keyed hashes, and none is stored or
// logged.
package clients
