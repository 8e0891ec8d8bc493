package api

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// largestAttributes is how many bytes attributes may have as Postgres writes
// them: of larger ones no condition can be asked.
const largestAttributes = 64 << 10

// shape is what the body of an operation has to look like.
type shape struct {
	registry huma.Registry
	schema   *huma.Schema
	limit    int64 // of bytes
}

func shapeOf[T any](registry huma.Registry, limit int64) *shape {
	return &shape{registry: registry, schema: registry.Schema(reflect.TypeFor[T](), true, ""), limit: limit}
}

// check compares a parsed value with the shape, and with what a schema cannot
// say. at is where the value stands.
func (s *shape) check(tree any, at string) []*huma.ErrorDetail {
	path := huma.NewPathBuffer(make([]byte, 0, 128), 0)
	path.Push(at)
	var result huma.ValidateResult
	huma.Validate(s.registry, s.schema, path, huma.ModeWriteToServer, tree, &result)
	details := make([]*huma.ErrorDetail, 0, len(result.Errors))
	for _, err := range result.Errors {
		if len(details) > mostErrors {
			break
		}
		if detail, ok := err.(*huma.ErrorDetail); ok { //nolint:errorlint // huma collects them so
			details = append(details, plain(detail))
		}
	}
	members, ok := tree.(map[string]any)
	if !ok || len(details) > 0 {
		return details
	}
	schema := s.schema
	if schema.Ref != "" {
		schema = s.registry.SchemaFromRef(schema.Ref)
	}
	for name, value := range members {
		if message := beyond(schema.Properties[name], value); message != "" {
			details = append(details, &huma.ErrorDetail{Location: at + "." + name, Message: message, Value: echo(value)})
		}
	}
	return details
}

// beyond is what is wrong with a value that its schema allows; empty: nothing.
func beyond(schema *huma.Schema, value any) string {
	text, isText := value.(string)
	switch {
	case schema == nil || value == nil:
	case schema.Format == "date-time" && isText:
		return wrongInstant(text)
	case schema.Type == huma.TypeObject && written(value) > largestAttributes:
		return "is larger than " + strconv.Itoa(largestAttributes) + " bytes"
	}
	return ""
}

func wrongInstant(text string) string {
	var t time.Time
	if err := t.UnmarshalText([]byte(text)); err != nil {
		return "is no time as in RFC 3339"
	}
	if year := t.UTC().Year(); year < 1 || year > 9999 {
		return "is not within the years 1 to 9999"
	}
	return ""
}

// written is at least how many bytes Postgres needs to write a value.
func written(value any) int {
	const (
		separator = 2   // ", " and ": "
		spelled   = 430 // digits of a number with an exponent
	)
	size := 0
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			size += quoted(name) + separator + written(member) + separator
		}
	case []any:
		for _, item := range value {
			size += written(item) + separator
		}
	case string:
		return quoted(value)
	case number:
		if strings.ContainsAny(string(value), "eE") {
			return spelled
		}
		return len(value)
	case int64:
		return len(strconv.FormatInt(value, 10))
	default:
		return len("false")
	}
	return size + separator
}

func quoted(text string) int {
	size := 2
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"', c == '\\', c >= '\b' && c <= '\r':
			size += 2
		case c < ' ':
			size += len(`\u0000`)
		default:
			size++
		}
	}
	return size
}

// plain words an error for who sent the body, and tells nothing back at length.
func plain(detail *huma.ErrorDetail) *huma.ErrorDetail {
	message := detail.Message
	if n, ok := detail.Value.(number); ok && message == "expected integer" {
		message = "expected a whole number from -9223372036854775808 to 9223372036854775807, written without point or exponent"
		detail.Value = json.Number(n)
	}
	return &huma.ErrorDetail{Location: place(detail.Location), Message: message, Value: echo(detail.Value)}
}

// place is where a value is, as it is told back.
func place(location string) string {
	if len(location) > longestPlace {
		return strings.ToValidUTF8(location[:longestPlace], "") + "…"
	}
	return location
}

// echo is a value as it is told back; nil where it says too much.
func echo(value any) any {
	switch value := value.(type) {
	case string:
		if utf8.RuneCountInString(value) <= longestEcho {
			return value
		}
	case int64, bool, json.Number:
		return value
	}
	return nil
}
