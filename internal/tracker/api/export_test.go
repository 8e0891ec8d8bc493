package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// RegisterAndTell registers the API and returns its document.
func RegisterAndTell(mux *http.ServeMux, options Options) *huma.OpenAPI {
	return register(mux, options).huma.OpenAPI()
}

// SetPatience changes how long a request waits for the database, until the test ends.
func SetPatience(t testing.TB, is time.Duration) {
	t.Helper()
	was := patience
	patience = is
	t.Cleanup(func() { patience = was })
}

// Conforms reports whether an answer conforms to the document.
func Conforms(document *huma.OpenAPI, r *http.Request, answer *http.Response, body []byte) error {
	_, path, _ := strings.Cut(r.Pattern, " ")
	item := document.Paths[path]
	if item == nil {
		return nil // no operation's
	}
	op := map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodDelete: item.Delete}[r.Method]
	documented := op.Responses[strconv.Itoa(answer.StatusCode)]
	if documented == nil {
		return fmt.Errorf("the document knows no %d", answer.StatusCode)
	}
	media := documented.Content[answer.Header.Get("Content-Type")]
	if media == nil {
		if len(documented.Content) == 0 && len(body) == 0 {
			return nil
		}
		return fmt.Errorf("the document knows no %d of %q", answer.StatusCode, answer.Header.Get("Content-Type"))
	}
	var tree any
	if err := json.Unmarshal(body, &tree); err != nil {
		return err
	}
	var result huma.ValidateResult
	huma.Validate(document.Components.Schemas, media.Schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, tree, &result)
	return errors.Join(result.Errors...)
}

// Parse parses a body.
func Parse(body []byte) (tree any, err error) {
	tree, wrong := parse(body, "body")
	return tree, wrong.err()
}

// ParseBatch parses the body of a batch.
func ParseBatch(body []byte) (tree any, err error) {
	tree, wrong := parseBatch(body)
	return tree, wrong.err()
}

// Written is how many bytes Postgres needs to write a parsed value.
func Written(value any) int { return written(value) }

func (f *fault) err() error {
	if f == nil {
		return nil
	}
	return errors.New(f.location + " " + f.message)
}
