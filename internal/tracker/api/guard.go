package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/referral-operator/referral-operator/internal/intake"
)

// Keys of values of a request's context.
type (
	callerKey struct{} // the name of the holder of its token
	chargeKey struct{} // what its body is charged to
	answerKey struct{} // what its answer is charged to
)

// caller returns the name of the holder of the request's token.
func caller(ctx context.Context) string {
	name, _ := ctx.Value(callerKey{}).(string)
	return name
}

// bodyCharge returns what the request's body is charged to.
func bodyCharge(ctx context.Context) *intake.Charge {
	charge, ok := ctx.Value(chargeKey{}).(*intake.Charge)
	if !ok {
		panic("the body of a request that passed no guard")
	}
	return charge
}

// guard refuses requests without a valid token before it reads anything else of them.
func (a *api) guard(ctx huma.Context, next func(huma.Context)) {
	// Every answer is JSON. huma would repeat "Accept: json" as the type of the answer.
	r, _ := humago.Unwrap(ctx)
	r.Header.Del("Accept")
	scheme, text, _ := strings.Cut(ctx.Header("Authorization"), " ")
	name, ok := "", false
	if strings.EqualFold(scheme, "Bearer") {
		name, ok = a.Tokens().Name(strings.TrimSpace(text))
	}
	if !ok {
		ctx.SetHeader("WWW-Authenticate", `Bearer realm="facts"`)
		_ = huma.WriteErr(a.huma, ctx, http.StatusUnauthorized, "give one of the tracker's API tokens: Authorization: Bearer <token>")
		return
	}
	if wrong := wrongAddress(ctx.URL()); wrong != nil {
		_ = huma.WriteErr(a.huma, ctx, http.StatusUnprocessableEntity, "a field is invalid", wrong)
		return
	}
	body, answer := a.bodies.Charge(), new(answerCharge)
	defer body.Release()
	defer answer.release()
	ctx = huma.WithValue(huma.WithValue(ctx, chargeKey{}, body), answerKey{}, answer)
	next(huma.WithValue(ctx, callerKey{}, name))
}

// wrongAddress returns the error of an address that cannot be parsed, or that has text that
// Postgres cannot store; nil if there is none.
func wrongAddress(address url.URL) *huma.ErrorDetail {
	const unstorable = "must be UTF-8 without U+0000"
	if !storable(address.Path) {
		return detail("path", unstorable)
	}
	values, err := url.ParseQuery(address.RawQuery)
	if err != nil {
		return detail("query", "must be parameters separated by &, with complete escapes such as %2F")
	}
	for name, all := range values {
		if !storable(name) || !storable(strings.Join(all, "")) {
			return detail("query", unstorable)
		}
	}
	return nil
}

func storable(text string) bool { return utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 }
