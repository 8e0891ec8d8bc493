package testworld

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestBrowserReachesNginxOverTLSByName(t *testing.T) {
	authority, err := NewAuthority("an authority")
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := authority.Server("shop.test")
	if err != nil {
		t.Fatal(err)
	}
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			http.SetCookie(w, &http.Cookie{
				Name: "__Host-seen", Value: "yes", Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
			})
			http.Redirect(w, r, "/welcome", http.StatusFound)
		case "/welcome":
			fmt.Fprint(w, `<a href="/next">on</a>`)
		default:
			fmt.Fprint(w, "cookies: ", r.Header.Get("Cookie"))
		}
	}))
	defer shop.Close()
	nginx := NewNginx(t, NginxOptions{Certificate: &certificate, HTTP: func(address string) string {
		return fmt.Sprintf("server { listen %s ssl; ssl_certificate server.crt; ssl_certificate_key server.key; "+
			"location / { proxy_pass %s; } }", address, shop.URL)
	}})
	browser := NewBrowser(t, BrowserOptions{Hosts: []string{"shop.test"}, Trusted: &certificate})
	_, port, _ := strings.Cut(nginx.Address, ":")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	if err := browser.Open(ctx, "https://shop.test:"+port+"/"); err != nil {
		t.Fatal(err)
	}
	if err := browser.Do(ctx, `document.querySelector("a").click()`); err != nil {
		t.Fatal(err)
	}
	var text string
	if err := browser.Evaluate(ctx, "document.body.innerText", &text); err != nil {
		t.Fatal(err)
	}
	if want := "cookies: __Host-seen=yes"; text != want {
		t.Errorf("the page says %q, want %q", text, want)
	}
	cookies, err := browser.Cookies(ctx)
	want := Cookie{Name: "__Host-seen", Value: "yes", Domain: "shop.test", Path: "/", HTTPOnly: true, Secure: true, SameSite: "Lax"}
	if err != nil || len(cookies) != 1 || cookies[0] != want {
		t.Errorf("got %+v, %v; want %+v", cookies, err, want)
	}

	t.Run("a certificate that it was not told of is refused", func(t *testing.T) {
		stranger := httptest.NewUnstartedServer(http.NotFoundHandler())
		stranger.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		stranger.StartTLS()
		defer stranger.Close()
		if err := browser.Open(ctx, stranger.URL); err == nil || !strings.Contains(err.Error(), "CERT") {
			t.Errorf("got %v", err)
		}
	})
}
