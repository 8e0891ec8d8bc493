package intake

import (
	"crypto/tls"
	"net"
	"time"
)

// refusalTimeout is how long a refusal may take to be sent.
const refusalTimeout = 10 * time.Millisecond

// refusal is sent where no request has been read, so that net/http cannot answer. Under TLS it would
// have to be encrypted; there the connection is closed without an answer.
const refusal = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"

// Listen bounds the connections of a listener. Its server must be one of Bound.
func (c *Connections) Listen(on net.Listener) net.Listener { return &listener{Listener: on, of: c} }

// ListenTLS is Listen for a server of TLS. The bytes of headers are then those of TLS. A refused
// client gets no answer: it would have to be encrypted.
func (c *Connections) ListenTLS(on net.Listener, config *tls.Config) net.Listener {
	return tls.NewListener(&listener{Listener: on, of: c, secure: true}, config)
}

type listener struct {
	net.Listener
	of     *Connections
	secure bool // TLS is put over it
}

// Accept returns the next connection for which there is a place.
func (l *listener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if own := l.of.admit(accepted, l.secure); own != nil {
			return own, nil
		}
		if !l.secure {
			refuse(accepted)
		}
		_ = accepted.Close()
	}
}

// refuse sends a refusal.
func refuse(to net.Conn) {
	_ = to.SetWriteDeadline(time.Now().Add(refusalTimeout))
	_, _ = to.Write([]byte(refusal)) // the client may be gone
}

// below returns the connection below TLS.
func below(connection net.Conn) net.Conn {
	if secure, ok := connection.(*tls.Conn); ok {
		return secure.NetConn()
	}
	return connection
}
