package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/tracker/facts"
)

// Types of problems, for programs. The status alone identifies a problem without one.
const (
	typePrefix       = "tag:referral-operator.io,2026:"
	typeConflict     = typePrefix + "conflict"
	typeInsufficient = typePrefix + "insufficient-credit"
)

const (
	// mostErrors is the most errors that a problem names.
	mostErrors = 20
	// longestEcho is the longest value, in characters, that a problem repeats.
	longestEcho = 64
	// longestPlace is the longest location of a value, in bytes.
	longestPlace = 256
	// logInterval is the least time between two log lines about an outage, about what is missing, and
	// about touches that the database refuses.
	logInterval = 10 * time.Second
	// retryAfter is the Retry-After of a 503, in seconds.
	retryAfter = 2
)

// internalError is the detail of a 500.
const internalError = "an internal error occurred; the request is not at fault"

// insufficientCredit is the problem of a redemption above the available credit.
type insufficientCredit struct {
	huma.ErrorModel
	Available units `json:"available" doc:"What is available now, in minor units."`
}

func problem(status int, detail string, details ...*huma.ErrorDetail) *huma.ErrorModel {
	return &huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail, Errors: details}
}

// refused is the problem of a body or parameter that breaks rules.
func refused(details ...*huma.ErrorDetail) *huma.ErrorModel {
	detail := "a field is invalid"
	if len(details) > mostErrors {
		detail = "more than " + strconv.Itoa(mostErrors) + " fields are invalid"
		details = details[:mostErrors]
	}
	return problem(http.StatusUnprocessableEntity, detail, details...)
}

// problemOf returns the problem that answers an error.
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
	case errors.Is(err, facts.ErrVanished):
		a.Log.WarnContext(ctx, "A fact was neither recorded nor found: its row was deleted meanwhile, or a trigger suppresses it")
		return unavailable("the fact was deleted meanwhile")
	case class == postgres.ClassData:
		// The checks of the body missed this value. The answer contains no name of the schema.
		a.Log.WarnContext(ctx, "The database refused values that had been checked", "error", postgres.Message(err))
		return problem(http.StatusUnprocessableEntity, "a value of the request cannot be stored")
	case class == postgres.ClassRetryable:
		a.Log.DebugContext(ctx, "The database did not complete a request that may succeed later", "error", postgres.Message(err))
		return unavailable("the database is busy")
	case class == postgres.ClassMissingObject, class == postgres.ClassPermissionDenied:
		// Of the schema, or of a trigger of the shop's own, which fails for single facts.
		a.lack.Do(func() {
			a.Log.WarnContext(ctx, "Something that a request needs is missing in the database: it gets 503", "error", postgres.Message(err))
		})
		return unavailable("something that the request needs is missing in the database; the tracker's log names it")
	case ctx.Err() != nil, errors.Is(err, facts.ErrOverloaded), class != postgres.ClassUnknown:
		a.outage.Do(func() {
			a.Log.WarnContext(ctx, "The database is away or behind: requests get 503", "error", postgres.Message(err))
		})
		return unavailable("the database is away or behind")
	}
	a.Log.ErrorContext(ctx, "A request failed", "error", postgres.Message(err))
	return problem(http.StatusInternalServerError, internalError)
}

// describeProblems replaces huma's examples of problems by this API's own.
func describeProblems(registry huma.Registry) {
	for _, t := range []reflect.Type{reflect.TypeFor[huma.ErrorModel](), reflect.TypeFor[insufficientCredit]()} {
		properties := registry.SchemaFromRef(registry.Schema(t, true, "").Ref).Properties
		for name, example := range map[string]any{
			"type": typeConflict, "title": "Conflict", "status": http.StatusConflict,
			"detail": "a purchase with this key is stored already and differs in amount",
		} {
			properties[name].Examples = []any{example}
		}
		properties["type"].Description = "Identifies the problem to programs; about:blank: the status alone does."
		properties["instance"].Description, properties["instance"].Examples = "Not used.", nil
	}
	detail := registry.SchemaFromRef(registry.Schema(reflect.TypeFor[huma.ErrorDetail](), true, "").Ref).Properties
	detail["location"].Description = "The field that is wrong, such as body.amount, body.facts[3].user_id or query.cursor."
	detail["value"].Description = "The given value or, in a conflict, the stored one; left out if it is long."
}

// unavailable answers that the request may be repeated. Nothing was recorded, unless the connection
// was lost during a commit; a fact whose request ends while it waits may be recorded later, see
// facts.Unsettled.
func unavailable(why string) error {
	return huma.ErrorWithHeaders(
		problem(http.StatusServiceUnavailable, "try again in a moment: "+why),
		http.Header{"Retry-After": {strconv.Itoa(retryAfter)}})
}

// short returns a stored value to show in a problem; nil if it is long.
func short(stored any) any {
	const quotes = 2
	if text, err := json.Marshal(stored); err != nil || utf8.RuneCount(text) > longestEcho+quotes {
		return nil
	}
	return stored
}

// differing returns an error detail for each field that differs, with the stored value if it is
// short, or whose stored value is too large to be read.
func differing(at string, conflict *facts.Conflict) []*huma.ErrorDetail {
	details := make([]*huma.ErrorDetail, len(conflict.Differences))
	for i, difference := range conflict.Differences {
		details[i] = &huma.ErrorDetail{
			Location: at + "." + difference.Field, Message: "differs from what is stored", Value: short(difference.Stored),
		}
		if difference.TooLarge {
			details[i].Message = "is stored with more than 64 KiB, by SQL, and cannot be compared or read"
		}
	}
	return details
}
