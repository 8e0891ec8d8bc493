package api

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
)

// largestAttributes is the most bytes of attributes as Postgres writes them: conditions cannot be
// evaluated on larger ones.
const largestAttributes = 64 << 10

const (
	// longestText is the most characters of an id or a code.
	longestText = 255
	// largestText is the most bytes of an id or a code. 255 characters of any alphabet in use fit;
	// only of rare scripts and emoji, which take four bytes each, fewer do. Three ids together fit
	// into a row of an index of Postgres, which holds 2704 bytes.
	largestText = 3 * longestText
)

// shape is the schema and size limit of an operation's body, and how it is parsed.
type shape struct {
	registry huma.Registry
	schema   *huma.Schema
	limit    int64 // of bytes
	parse    func([]byte) (any, *fault)
	trees    trees
}

func shapeOf[T any](a *api, limit int64) *shape {
	registry := a.huma.OpenAPI().Components.Schemas
	return &shape{
		registry: registry, schema: registry.Schema(reflect.TypeFor[T](), true, ""), limit: limit, trees: a.trees,
		parse: func(body []byte) (any, *fault) { return parse(body, "body") },
	}
}

// trees bounds how many parsed values are in memory at a time, since they take many times the bytes
// of their text. They are there while they are checked, and nothing else is waited for meanwhile.
type trees chan struct{}

// begin waits until another value may be parsed. end is called when its tree is not used any more.
func (t trees) begin() { t <- struct{}{} }
func (t trees) end()   { <-t }

// check validates a parsed value against the schema and the rules that a schema cannot express. at
// is its location.
func (s *shape) check(tree any, at string) []*huma.ErrorDetail {
	path := huma.NewPathBuffer(make([]byte, 0, 128), 0)
	path.Push(at)
	schema := s.schema
	if schema.Ref != "" {
		schema = s.registry.SchemaFromRef(schema.Ref)
	}
	members, isObject := tree.(map[string]any)
	details := removeMiscased(schema, members, at)
	var result huma.ValidateResult
	huma.Validate(s.registry, s.schema, path, huma.ModeWriteToServer, tree, &result)
	for _, err := range result.Errors {
		if len(details) > mostErrors {
			break
		}
		if detail, ok := err.(*huma.ErrorDetail); ok { //nolint:errorlint // huma collects them so
			details = append(details, plain(detail))
		}
	}
	if !isObject || len(details) > 0 {
		return details
	}
	for name, value := range members {
		message := beyond(schema.Properties[name], value)
		if text, ok := value.(string); ok && name == "code" && message == "" {
			message = wrongCode(text)
		}
		if message != "" {
			details = append(details, &huma.ErrorDetail{Location: at + "." + name, Message: message, Value: echo(value)})
		}
	}
	return details
}

// removeMiscased refuses members that match a property only when case is ignored, and removes
// them. By default huma.Validate accepts such names, as encoding/json does; its own switch for
// this is a global variable. Bodies have no other objects than attributes, so one level is enough.
func removeMiscased(schema *huma.Schema, members map[string]any, at string) (details []*huma.ErrorDetail) {
	for name := range members {
		if _, exact := schema.Properties[name]; exact {
			continue
		}
		for property := range schema.Properties {
			if strings.EqualFold(name, property) {
				details = append(details, &huma.ErrorDetail{
					Location: place(at + "." + name), Message: validation.MsgUnexpectedProperty,
				})
				delete(members, name)
				break
			}
		}
	}
	return details
}

// beyond returns the error of a value that its schema allows; empty if it is valid.
func beyond(schema *huma.Schema, value any) string {
	text, isText := value.(string)
	switch {
	case schema == nil || value == nil:
	case schema.Format == "date-time" && isText:
		return wrongInstant(text)
	case isText && schema.MaxLength != nil && *schema.MaxLength == longestText && len(text) > largestText:
		return "is larger than " + strconv.Itoa(largestText) + " bytes"
	case schema.Type == huma.TypeObject && written(value) > largestAttributes:
		return "is larger than " + strconv.Itoa(largestAttributes) + " bytes"
	}
	return ""
}

// wrongCode returns the error of a code that is longer than a stored code may be in lower case.
// U+0130 is the one character whose lower case may have two.
func wrongCode(code string) string {
	if utf8.RuneCountInString(code)+strings.Count(code, "\u0130") > longestText {
		return "is longer than " + strconv.Itoa(longestText) + " characters in lower case"
	}
	return ""
}

func wrongInstant(text string) string {
	var t time.Time
	if err := t.UnmarshalText([]byte(text)); err != nil {
		return "must be an RFC 3339 timestamp"
	}
	if year := t.UTC().Year(); year < 1 || year > 9999 {
		return "must be within the years 1 to 9999"
	}
	return ""
}

// written is how many bytes Postgres needs to write a parsed value.
func written(value any) int {
	const (
		brackets  = len("{}")
		separator = len(", ") // and of ": "
	)
	switch value := value.(type) {
	case map[string]any:
		size := brackets + separator*max(0, len(value)-1)
		for name, member := range value {
			size += quoted(name) + separator + written(member)
		}
		return size
	case []any:
		size := brackets + separator*max(0, len(value)-1)
		for _, item := range value {
			size += written(item)
		}
		return size
	case string:
		return quoted(value)
	case number:
		return expanded(string(value))
	case int64:
		return len(strconv.FormatInt(value, 10))
	case bool:
		return len(strconv.FormatBool(value))
	}
	return len("null")
}

// quoted is how many bytes Postgres needs to write a text.
func quoted(text string) int {
	size := len(`""`)
	for i := range len(text) {
		switch c := text[i]; {
		case strings.IndexByte("\"\\\b\f\n\r\t", c) >= 0:
			size += len(`\n`)
		case c < ' ':
			size += len(`\u0000`)
		default:
			size++
		}
	}
	return size
}

// expanded is how many bytes Postgres needs to write a number: it keeps the digits after the point,
// also zeros, and writes no exponent.
func expanded(text string) int {
	mantissa, shift := exponent(text)
	digits, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	digits = whole + fraction
	significant := strings.TrimLeft(digits, "0")
	size := 1 // a digit before the point
	if significant != "" {
		size = max(size, len(whole)+shift-(len(digits)-len(significant)))
		if negative {
			size++ // Postgres writes no -0
		}
	}
	if decimals := len(fraction) - shift; decimals > 0 {
		size += len(".") + decimals
	}
	return size
}

// plain rewords an error for the client, and shortens long values.
func plain(detail *huma.ErrorDetail) *huma.ErrorDetail {
	message := detail.Message
	if n, ok := detail.Value.(number); ok && message == "expected integer" {
		message = "expected a whole number from -9223372036854775808 to 9223372036854775807, written without point or exponent"
		detail.Value = json.Number(n)
	}
	return &huma.ErrorDetail{Location: place(detail.Location), Message: message, Value: echo(detail.Value)}
}

// place shortens the location of a value.
func place(location string) string {
	if len(location) > longestPlace {
		return strings.ToValidUTF8(location[:longestPlace], "") + "…"
	}
	return location
}

// echo returns a value to repeat in a problem; nil if it is too long.
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
