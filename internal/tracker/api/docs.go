package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/swaggest/swgui/v5/static"
)

// pageFiles are the page that shows the document to people.
//
//go:embed page
var pageFiles embed.FS

// policy allows the page to load from this server only. Swagger UI writes styles into its elements.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// ours are the files of the page in this repository, theirs those of Swagger UI.
var (
	ours   = []string{"start.js"}
	theirs = []string{"swagger-ui-bundle.js.gz", "swagger-ui.css.gz", "favicon-32x32.png"}
)

// registerDocs adds the OpenAPI document and a page that shows it.
func registerDocs(mux *http.ServeMux, document *huma.OpenAPI) {
	text, err := json.Marshal(document)
	if err != nil {
		panic(fmt.Sprintf("the OpenAPI document cannot be written: %v", err)) // any test finds it
	}
	sending := make(chan struct{}, mostAssets)
	add := func(path, name string, content []byte) {
		mux.Handle("GET "+path, few(sending, newAsset(name, content)))
	}
	add("/openapi.json", "openapi.json", text)
	add("/docs", "index.html", mustRead(pageFiles.ReadFile("page/index.html")))
	for _, name := range ours {
		add("/docs/"+name, name, mustRead(pageFiles.ReadFile("page/"+name)))
	}
	for _, name := range theirs {
		add("/docs/"+strings.TrimSuffix(name, packed), name, mustRead(static.FS.ReadFile(name)))
	}
}

// mostAssets is how many files are sent at a time. They are the only large answers that need no
// token: clients that do not read them would keep all connections busy.
const mostAssets = 16

// few serves a request while fewer than the capacity of sending are served, else answers with 503.
func few(sending chan struct{}, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case sending <- struct{}{}:
			defer func() { <-sending }()
			next.ServeHTTP(w, r)
		default:
			w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
			http.Error(w, "try again in a moment: too many files are being sent", http.StatusServiceUnavailable)
		}
	})
}

func mustRead(content []byte, err error) []byte {
	if err != nil {
		panic(err) // the file is embedded
	}
	return content
}

// packed ends the names of files that are stored compressed.
const packed = ".gz"

// asset is a file that does not change while this program runs.
type asset struct {
	kind, tag string
	content   []byte
	packed    bool
}

func newAsset(name string, content []byte) *asset {
	digest := sha256.Sum256(content)
	plain, isPacked := strings.CutSuffix(name, packed)
	return &asset{kind: kinds[path.Ext(plain)], tag: `"` + hex.EncodeToString(digest[:8]) + `"`, content: content, packed: isPacked}
}

// kinds are media types by file extension.
var kinds = map[string]string{
	".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".json": "application/json", ".png": "image/png",
}

func (a *asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", a.kind)
	header.Set("Cache-Control", "no-cache")
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	if a.packed {
		header.Set("Vary", "Accept-Encoding")
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			a.unpack(w)
			return
		}
		header.Set("Content-Encoding", "gzip")
	}
	header.Set("ETag", a.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.content))
}

func (a *asset) unpack(w http.ResponseWriter) {
	plain, err := gzip.NewReader(bytes.NewReader(a.content))
	if err == nil {
		_, err = io.Copy(w, plain) //nolint:gosec // the content is part of this program
	}
	_ = err // the client is gone
}
