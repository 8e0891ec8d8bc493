package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/referral-operator/referral-operator/internal/tracker/facts"
)

// erasure is the state of the erasure of a user.
type erasure struct {
	UserID      string     `json:"user_id" doc:"The application's pseudonym of the user."`
	RequestedAt time.Time  `json:"requested_at" doc:"When the newest erasure was requested."`
	CompletedAt *time.Time `json:"completed_at,omitempty" doc:"When all data older than the newest request was erased; left out: not yet."`
	URL         string     `json:"url" doc:"Address of this erasure."`
}

// accepted is an answer with the address of the request's state.
type accepted[T any] struct {
	Location string `header:"Location"`
	Body     T
}

func (a *api) registerErasure() {
	o := operation{
		path: "/v1/users/{id}", id: "erase-user", tag: "Privacy", summary: "Erase a user's personal data",
		description: "Requests that attributes, fingerprints, landing URLs, referers and visitor links of a user are erased. " +
			"The operator erases within moments, or once a suspended database or campaign is resumed; Location is the address to read when it is completed. " +
			"No fact is deleted, and no amount and no decision changes. Repeating the request erases what was written since.",
	}
	op := o.describe(http.MethodDelete, http.StatusAccepted, http.StatusUnprocessableEntity)
	huma.Register(a.huma, op, func(ctx context.Context, in *person) (*accepted[erasure], error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		requested, err := a.Store.Erase(ctx, in.ID)
		if err != nil {
			return nil, a.problemOf(ctx, err)
		}
		out := a.stateOf(in.ID, requested)
		return &accepted[erasure]{Location: out.URL, Body: out}, nil
	})
	get(a, operation{
		path: "/v1/users/{id}/erasure", id: "read-erasure", tag: "Privacy", summary: "State of a user's erasure",
	}, a.erasure, http.StatusNotFound)
}

func (a *api) erasure(ctx context.Context, in *person) (erasure, error) {
	found, err := a.Store.Erasure(ctx, in.ID)
	switch {
	case err != nil:
		return erasure{}, err
	case found == nil:
		return erasure{}, problem(http.StatusNotFound, "no erasure of this user was requested")
	}
	return a.stateOf(in.ID, found), nil
}

func (a *api) stateOf(userID string, e *facts.Erasure) erasure {
	return erasure{
		UserID: userID, RequestedAt: e.RequestedAt, CompletedAt: e.CompletedAt,
		URL: fmt.Sprintf("%s/v1/users/%s/erasure", a.PublicURL, segment(userID)),
	}
}
