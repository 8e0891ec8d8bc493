package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/tracker/facts"
)

// Types of problems, for programs. A problem without one says all there is to
// say by its status.
const (
	typePrefix       = "tag:referral-operator.io,2026:"
	typeConflict     = typePrefix + "conflict"
	typeInsufficient = typePrefix + "insufficient-credit"
)

const (
	// mostErrors is how many errors a problem names.
	mostErrors = 20
	// longestEcho is how long a value may be that is told back.
	longestEcho = 64
	// longestPlace is how many bytes tell where a value is.
	longestPlace = 256
	// outageInterval is how often an outage is logged at most.
	outageInterval = 10 * time.Second
	// retryAfter is how many seconds to wait before asking again.
	retryAfter = 2
)

// insufficientCredit is the problem of who asks for more credit than there is.
type insufficientCredit struct {
	huma.ErrorModel
	Available units `json:"available" doc:"What is available now, in minor units."`
}

func problem(status int, detail string, details ...*huma.ErrorDetail) *huma.ErrorModel {
	return &huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail, Errors: details}
}

// refused is the problem of a body or parameter that breaks rules.
func refused(details ...*huma.ErrorDetail) *huma.ErrorModel {
	detail := "a field is not as it has to be"
	if len(details) > mostErrors {
		detail = "more than " + strconv.Itoa(mostErrors) + " fields are not as they have to be"
		details = details[:mostErrors]
	}
	return problem(http.StatusUnprocessableEntity, detail, details...)
}

// problemOf puts into an answer why something was not done.
func (a *api) problemOf(ctx context.Context, err error) error {
	var (
		said         huma.StatusError
		conflict     *facts.Conflict
		insufficient *facts.Insufficient
	)
	switch class := postgres.Classify(err); {
	case errors.As(err, &said):
		return err
	case errors.As(err, &conflict):
		p := problem(http.StatusConflict, conflict.Error(), differing("body", conflict)...)
		p.Type = typeConflict
		return p
	case errors.As(err, &insufficient):
		p := problem(http.StatusConflict, insufficient.Error(), &huma.ErrorDetail{
			Location: "body.amount", Message: "is more than is available", Value: units(insufficient.Available),
		})
		p.Type = typeInsufficient
		return &insufficientCredit{ErrorModel: *p, Available: units(insufficient.Available)}
	case class == postgres.ClassData:
		// The border let through what the database does not take: its own words
		// tell more than nothing, and name no other row.
		a.log.WarnContext(ctx, "The database refused values that had been checked", "error", postgres.Message(err))
		return problem(http.StatusUnprocessableEntity, postgres.Message(err))
	case class == postgres.ClassRetryable:
		return unavailable(postgres.Message(err))
	case ctx.Err() != nil, errors.Is(err, facts.ErrOverloaded), class != postgres.ClassUnknown:
		a.outage.Do(func() { a.log.WarnContext(ctx, "Requests have to be tried again", "error", postgres.Message(err)) })
		return unavailable("the database is away or behind")
	}
	a.log.ErrorContext(ctx, "A request failed", "error", postgres.Message(err))
	return problem(http.StatusInternalServerError, "something went wrong that is not the request's fault")
}

// unavailable asks to try again in a moment: nothing was acknowledged.
func unavailable(why string) error {
	return huma.ErrorWithHeaders(
		problem(http.StatusServiceUnavailable, "try again in a moment: "+why),
		http.Header{"Retry-After": {strconv.Itoa(retryAfter)}})
}

// differing tells each field that differs, with what is stored.
func differing(at string, conflict *facts.Conflict) []*huma.ErrorDetail {
	details := make([]*huma.ErrorDetail, len(conflict.Differences))
	for i, difference := range conflict.Differences {
		details[i] = &huma.ErrorDetail{
			Location: at + "." + difference.Field, Message: "differs from what is stored", Value: difference.Stored,
		}
	}
	return details
}
