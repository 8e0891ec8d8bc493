package acceptance

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// echoes answers a websocket's handshake and sends back what it receives; other requests are
// answered with the number of bytes of their bodies.
func echoes(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || !strings.EqualFold(r.Header.Get("Connection"), "upgrade") {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
		return
	}
	connection, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer connection.Close()
	fmt.Fprint(connection, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	_, _ = io.Copy(connection, buffered)
}

// The gateway asks a tracker about each page, the websocket's too. Nothing else of the tracker is
// needed here.
func TestGatewayPassesWebsocketsAndLargeUploads(t *testing.T) {
	authority, err := testworld.NewAuthority("an authority")
	testworld.Must(t, err)
	certificate, err := authority.Server(siteName)
	testworld.Must(t, err)
	serve := func(handler http.HandlerFunc) string {
		on, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		testworld.Must(t, err)
		server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
		go func() { _ = server.Serve(on) }()
		t.Cleanup(func() { _ = server.Close() })
		return on.Addr().String()
	}
	tracker := serve(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > 0 || r.Header.Get("Upgrade") != "" {
			t.Errorf("the tracker receives %d bytes, and Upgrade: %s", r.ContentLength, r.Header.Get("Upgrade"))
		}
		w.Header().Set("Set-Cookie", "__Host-referral=token")
		w.Header().Set("X-Referral-Visitor", "")
	})
	shop := serve(echoes)
	nginx := testworld.NewNginx(t, testworld.NginxOptions{
		Certificate: &certificate,
		HTTP:        func(address string) string { return documented(t, address, tracker, shop) },
	})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM())
	dial := func() *tls.Conn {
		connection, err := (&tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: siteName, MinVersion: tls.VersionTLS12}}).
			DialContext(t.Context(), "tcp", nginx.Address)
		testworld.Must(t, err)
		t.Cleanup(func() { _ = connection.Close() })
		secure, _ := connection.(*tls.Conn)
		testworld.Must(t, secure.SetDeadline(time.Now().Add(time.Minute)))
		return secure
	}

	websocket := dial()
	fmt.Fprintf(websocket, "GET /live HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", siteName)
	answers := bufio.NewReader(websocket)
	response, err := http.ReadResponse(answers, nil)
	testworld.Must(t, err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the websocket is answered with %s", response.Status)
	}
	frame := bytes.Repeat([]byte("frame"), 1000)
	_, err = websocket.Write(frame)
	testworld.Must(t, err)
	echo := make([]byte, len(frame))
	if _, err := io.ReadFull(answers, echo); err != nil || !bytes.Equal(echo, frame) {
		t.Errorf("the websocket says %q, %v", echo, err)
	}

	upload := dial()
	const size = 20 << 20
	fmt.Fprintf(upload, "POST /upload HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", siteName, size)
	_, err = upload.Write(make([]byte, size))
	testworld.Must(t, err)
	response, err = http.ReadResponse(bufio.NewReader(upload), nil)
	testworld.Must(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	testworld.Must(t, err)
	if response.StatusCode != http.StatusOK || string(body) != fmt.Sprint(size) {
		t.Errorf("the upload: %s, %s of %d bytes", response.Status, body, size)
	}
	for name, want := range map[string]string{"Strict-Transport-Security": "max-age=31536000", "Set-Cookie": "__Host-referral=token"} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
