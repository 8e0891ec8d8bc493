// Package clients identifies clients by their addresses, behind trusted proxies, and limits unknown
// codes and stored touches.
//
// Addresses are personal data: callers only pass them back to this package, and logs get keyed
// hashes.
package clients
