package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// erasure is how far the erasure of a user is.
type erasure struct {
	UserID      string     `json:"user_id"`
	RequestedAt time.Time  `json:"requested_at" doc:"When the newest erasure was requested."`
	CompletedAt *time.Time `json:"completed_at,omitempty" doc:"When everything was erased that was there at the newest request; left out: the engine is not done."`
	URL         string     `json:"url" doc:"Where to read this again."`
}

// accepted is an answer that says where to see the rest.
type accepted[T any] struct {
	Location string `header:"Location"`
	Body     T
}

func (a *api) registerErasure() {
	o := operation{
		path: "/v1/users/{id}", id: "erase-user", tag: "Privacy", summary: "Erase a person",
		description: "Requests that attributes, fingerprints, landing URLs, referers and visitor links of a user are erased. " +
			"The operator does it in a moment, or once a suspended database or campaign is resumed; Location says where to see when it is completed. " +
			"It deletes no fact and changes no amount and no decision. Again, it erases what was written since.",
	}
	op := o.describe(http.MethodDelete, http.StatusAccepted, http.StatusUnprocessableEntity)
	huma.Register(a.huma, op, func(ctx context.Context, in *person) (*accepted[erasure], error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		err := a.Store.Erase(ctx, in.ID)
		if err != nil {
			return nil, a.problemOf(ctx, err)
		}
		out, err := a.erasure(ctx, in)
		if err != nil {
			return nil, a.problemOf(ctx, err)
		}
		return &accepted[erasure]{Location: out.URL, Body: out}, nil
	})
	get(a, operation{
		path: "/v1/users/{id}/erasure", id: "read-erasure", tag: "Privacy", summary: "Whether the erasure of a person is completed",
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
	return erasure{
		UserID: in.ID, RequestedAt: found.RequestedAt, CompletedAt: found.CompletedAt,
		URL: fmt.Sprintf("%s/v1/users/%s/erasure", a.PublicURL, url.PathEscape(in.ID)),
	}, nil
}
