package acceptance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

// gateways start each gateway in front of a tracker and a shop, with its configuration of
// docs/gateways, and return the address on which it takes TLS connections. They skip the test where
// there is none.
var gateways = map[string]func(t testing.TB, certificate testworld.KeyPair, tracker, shop string) (address string){
	"nginx": nginx, "Traefik": traefik,
}

func nginx(t testing.TB, certificate testworld.KeyPair, tracker, shop string) string {
	t.Helper()
	return testworld.NewNginx(t, testworld.NginxOptions{
		Certificate: &certificate,
		HTTP: func(address string) string {
			return documented(t, "nginx.conf", map[string]string{
				"listen 443 ssl":            "listen " + address + " ssl",
				"tracker.internal:8080":     tracker,
				"shop.internal:3000":        shop,
				"mysite.com;":               siteName + ";",
				"/etc/nginx/mysite.com.crt": "server.crt",
				"/etc/nginx/mysite.com.key": "server.key",
				// A tracker that is slow for a moment is no tracker that is away.
				"proxy_connect_timeout 250ms": "proxy_connect_timeout 1m",
				"proxy_send_timeout 500ms":    "proxy_send_timeout 1m",
				"proxy_read_timeout 500ms":    "proxy_read_timeout 1m",
			})
		},
	}).Address
}

func traefik(t testing.TB, certificate testworld.KeyPair, tracker, shop string) string {
	t.Helper()
	return testworld.NewTraefik(t, testworld.TraefikOptions{
		Certificate: certificate, Host: siteName, EntryPoint: "websecure",
		Dynamic: documented(t, "traefik.yaml", map[string]string{
			"tracker.internal:8080": tracker,
			"shop.internal:3000":    shop,
			"mysite.com":            siteName,
		}),
	})
}

// documented returns a file of docs/gateways with names and addresses of this machine.
func documented(t testing.TB, file string, values map[string]string) string {
	t.Helper()
	root, err := binaries.ModuleRoot()
	testworld.Must(t, err)
	content, err := os.ReadFile(filepath.Join(root, "docs", "gateways", file))
	testworld.Must(t, err)
	text := string(content)
	for placeholder, value := range values {
		if !strings.Contains(text, placeholder) {
			t.Fatalf("docs/gateways/%s has no %q", file, placeholder)
		}
		text = strings.ReplaceAll(text, placeholder, value)
	}
	return text
}
