package api

import (
	"context"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/referral-operator/referral-operator/internal/tracker/facts"
)

func (a *api) registerRedemptions() {
	op := post(a, operation{
		path: "/v1/redemptions", id: "redeem-credit", tag: "Credit", summary: "Spend available credit",
		description: "Refused if less is available, also under concurrent requests. Without an author, the author is the name of the API token.",
	}, a.redeem)
	registry := a.huma.OpenAPI().Components.Schemas
	schema := registry.Schema(reflect.TypeFor[insufficientCredit](), true, "")
	op.Responses[strconv.Itoa(http.StatusConflict)] = &huma.Response{
		Description: "Less is available, or something else was redeemed under this key.",
		Content: map[string]*huma.MediaType{"application/problem+json": {Schema: &huma.Schema{AnyOf: []*huma.Schema{
			schema, registry.Schema(reflect.TypeFor[huma.ErrorModel](), true, ""),
		}}}},
	}
}

func (a *api) redeem(ctx context.Context, r *Redemption) (Redemption, bool, error) {
	outcome, err := a.Store.Redeem(ctx, (*facts.Redemption)(r), caller(ctx))
	return Redemption(outcome.Stored), outcome.Created, err
}
