package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

type callerKey struct{}

// caller is the name of whose token a request came with.
func caller(ctx context.Context) string {
	name, _ := ctx.Value(callerKey{}).(string)
	return name
}

// guard lets through who has a token, before anything of the request is read.
func (a *api) guard(ctx huma.Context, next func(huma.Context)) {
	scheme, text, _ := strings.Cut(ctx.Header("Authorization"), " ")
	name, ok := "", false
	if strings.EqualFold(scheme, "Bearer") {
		name, ok = a.tokens().Name(strings.TrimSpace(text))
	}
	if !ok {
		ctx.SetHeader("WWW-Authenticate", `Bearer realm="facts"`)
		_ = huma.WriteErr(a.huma, ctx, http.StatusUnauthorized, "give one of the tracker's API tokens: Authorization: Bearer <token>")
		return
	}
	if at := illegible(ctx.URL()); at != "" {
		_ = huma.WriteErr(a.huma, ctx, http.StatusUnprocessableEntity, "a field is not as it has to be",
			&huma.ErrorDetail{Location: at, Message: "is not text that can be stored"})
		return
	}
	next(huma.WithValue(ctx, callerKey{}, name))
}

// illegible is the part of an address that has what Postgres keeps in no text.
func illegible(address url.URL) string {
	if !storable(address.Path) {
		return "path"
	}
	values, err := url.ParseQuery(address.RawQuery)
	if err != nil {
		return "query"
	}
	for name, all := range values {
		if !storable(name) || !storable(strings.Join(all, "")) {
			return "query"
		}
	}
	return ""
}

func storable(text string) bool { return utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 }
