package api

import (
	"encoding/json"
	"errors"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/referral-operator/referral-operator/internal/intake"
)

// shapeKey is where an operation keeps the shape of its body.
const shapeKey = "shape"

// posted is a body of type T. It is read by this package and not by huma, which accepts names in
// any case, numbers that lose digits and invalid text; see the package's comment.
type posted[T any] struct {
	fact    T
	problem error
}

// Resolve reads the body. huma calls it after it has read the parameters.
func (p *posted[T]) Resolve(ctx huma.Context) []error {
	s, ok := ctx.Operation().Metadata[shapeKey].(*shape)
	if !ok {
		panic("operation " + ctx.Operation().OperationID + " has no shape")
	}
	p.problem = s.read(ctx, &p.fact)
	return nil
}

// read fills a fact from a body, or returns the problem with it.
func (s *shape) read(ctx huma.Context, into any) error {
	if p := s.wrongMediaType(ctx); p != nil {
		return p
	}
	charge := bodyCharge(ctx.Context())
	size, err := strconv.ParseInt(ctx.Header("Content-Length"), 10, 64)
	if err != nil {
		size = -1 // net/http refuses other lengths
	}
	body, err := charge.ReadAll(ctx.BodyReader(), size, s.limit)
	var network net.Error
	switch {
	case errors.Is(err, intake.ErrBusy):
		return unavailable(err.Error())
	case errors.Is(err, intake.ErrTooLarge):
		return problem(http.StatusRequestEntityTooLarge, "the body is larger than "+strconv.FormatInt(s.limit, 10)+" bytes")
	case errors.As(err, &network) && network.Timeout():
		return problem(http.StatusRequestTimeout, "the body took too long to arrive")
	case err != nil:
		return problem(http.StatusBadRequest, "the body did not arrive completely")
	}
	return s.decode(body, into)
}

func (s *shape) decode(body []byte, into any) error {
	s.trees.begin()
	defer s.trees.end()
	tree, wrong := s.parse(body)
	switch {
	case wrong != nil && wrong.location == "":
		return problem(http.StatusBadRequest, "the body "+wrong.message)
	case wrong != nil:
		return refused(&huma.ErrorDetail{Location: wrong.location, Message: wrong.message})
	}
	if details := s.check(tree, "body"); len(details) > 0 {
		return refused(details...)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return refused(&huma.ErrorDetail{Location: "body", Message: "is invalid"})
	}
	return nil
}

// wrongMediaType returns the problem of a body whose headers declare another format or encoding.
func (s *shape) wrongMediaType(ctx huma.Context) error {
	if encoding := ctx.Header("Content-Encoding"); encoding != "" && encoding != "identity" {
		return problem(http.StatusUnsupportedMediaType, "the body must not be encoded")
	}
	content := ctx.Header("Content-Type")
	if content == "" {
		return nil
	}
	name, parameters, err := mime.ParseMediaType(content)
	charset := parameters["charset"]
	if err != nil || name != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return problem(http.StatusUnsupportedMediaType, "the body must be application/json in UTF-8")
	}
	return nil
}
