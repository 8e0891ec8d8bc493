// Package intake bounds what clients can make a process hold, whatever they send: connections, and
// bytes of headers and bodies in flight.
//
// While there are too many connections, a new one takes the place of the one that has waited
// longest for its next request, or for the rest of a header. So connections that send nothing, or
// send it slowly, shut out no visitor. Bytes beyond a budget are refused with 503 and Retry-After;
// under TLS, the connection is closed.
//
// The package knows TCP and HTTP, and nothing of routes.
package intake
