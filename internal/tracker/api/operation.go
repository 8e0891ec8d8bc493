package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/referral-operator/referral-operator/internal/tracker/facts"
)

// answered is the answer of an operation.
type answered[T any] struct {
	Status int
	Body   T
}

// operation describes an operation in the document.
type operation struct {
	path, id, summary, description, tag string
	limit                               int64 // of the body; 0: bodyLimit
}

// post registers an operation that records a fact I and answers with O. do also reports whether the
// fact is new.
func post[I, O any](a *api, o operation, do func(context.Context, *I) (O, bool, error)) *huma.Operation {
	if o.limit == 0 {
		o.limit = bodyLimit
	}
	s := shapeOf[I](a, o.limit)
	op := o.describe(http.MethodPost, http.StatusCreated, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusConflict,
		http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity)
	op.Metadata = map[string]any{shapeKey: s}
	huma.Register(a.huma, op, func(ctx context.Context, in *posted[I]) (*answered[O], error) {
		if in.problem != nil {
			return nil, in.problem
		}
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		out, created, err := do(ctx, &in.fact)
		if unsettled, ok := errors.AsType[*facts.Unsettled](err); ok {
			bodyCharge(ctx).HoldUntil(unsettled.Settled)
		}
		if err != nil {
			return nil, a.problemOf(ctx, err)
		}
		status := http.StatusOK
		if created {
			status = http.StatusCreated
		}
		return &answered[O]{Status: status, Body: out}, nil
	})
	documented := a.huma.OpenAPI().Paths[o.path].Post
	// Declared only now: otherwise huma reads the body itself.
	documented.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: s.schema}}}
	created := documented.Responses[strconv.Itoa(http.StatusCreated)]
	created.Description = "Recorded and committed."
	same := *created
	same.Description = "Recorded before; the answer is the stored fact."
	documented.Responses[strconv.Itoa(http.StatusOK)] = &same
	return documented
}

// get registers an operation that reads, with parameters I. errors are further statuses of its
// answers.
func get[I, O any](a *api, o operation, do func(context.Context, *I) (O, error), errors ...int) {
	op := o.describe(http.MethodGet, http.StatusOK, append(errors, http.StatusUnprocessableEntity)...)
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*answered[O], error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		out, err := do(ctx, in)
		if err != nil {
			return nil, a.problemOf(ctx, err)
		}
		return &answered[O]{Status: http.StatusOK, Body: out}, nil
	})
}

func (o *operation) describe(method string, status int, errors ...int) huma.Operation {
	return huma.Operation{
		OperationID: o.id, Method: method, Path: o.path, Summary: o.summary, Description: o.description, Tags: []string{o.tag},
		DefaultStatus: status, Errors: append(errors, http.StatusUnauthorized, http.StatusServiceUnavailable),
	}
}

// units is a whole number of minor units of any size.
type units string

// MarshalJSON writes a number, not a string.
func (u units) MarshalJSON() ([]byte, error) { return []byte(u), nil }

// Schema is the schema of a whole number.
func (units) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: huma.TypeInteger} }

// writeProblem answers with a problem outside of huma.
func writeProblem(w http.ResponseWriter, p *huma.ErrorModel) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // it holds strings and numbers only
	}
	_, _ = w.Write(text) // fails only if the client is gone
}

// methodName returns the method, or "this method" for a long one, which the client made up.
func methodName(method string) string {
	if len(method) > len(http.MethodOptions) {
		return "this method"
	}
	return method
}

// nullable declares in the document that a member of an object may be null.
func nullable(registry huma.Registry, of reflect.Type, member string) {
	schema := registry.Schema(of, false, "")
	schema.Properties[member] = &huma.Schema{
		Description: schema.Properties[member].Description,
		AnyOf:       []*huma.Schema{{Ref: schema.Properties[member].Ref}, {Type: "null"}},
	}
}
