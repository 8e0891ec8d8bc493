package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2/validation"
)

const (
	// deepest is how deeply values may be nested. Go and Postgres parse this depth easily, and no
	// application needs more.
	deepest = 32
	// longestNumber is the most characters of a number.
	longestNumber = 100
	// largestExponent is the most by which the point of a number is moved to either side. Only zeros
	// reach it: other numbers are outside the range of a float64 before.
	largestExponent = 999
	// mostValues is the most values of a body, or of one fact of a batch. In memory a value takes up
	// to 170 bytes, however short its text is: {"":0} has two. Attributes of largestAttributes with
	// the shortest items, and all other fields, have fewer.
	mostValues = 22_000
)

// number is a number that is not an int64, as it was written.
type number string

// fault is an error of a body that parse finds, before its fields are checked.
type fault struct {
	location string // of the value; empty: the text is not JSON
	message  string
}

// parse reads JSON into maps, slices, strings, bools, nil, int64 and number. at is its location.
//
// It is stricter than encoding/json, which takes the last of two members with the same name and
// replaces invalid UTF-8, so that two different ids could become one. It also refuses texts that
// Postgres cannot store, except in a visitor's token: it is not stored, and may be what any client
// sent as a cookie.
func parse(body []byte, at string) (any, *fault) { return newParser(body, at).all(body) }

// parseBatch reads the body of a batch as parse does. Its facts are nil: they are parsed one by
// one, so that not all of them are in memory at a time.
func parseBatch(body []byte) (any, *fault) {
	p := newParser(body, "body")
	p.batch = true
	return p.all(body)
}

// parser keeps its location in parts, because joining them for each value takes quadratic time
// where a long name contains many values.
type parser struct {
	decoder *json.Decoder
	at      []string
	batch   bool // the body is a batch
	values  int  // so far
}

func newParser(body []byte, at string) *parser {
	p := &parser{decoder: json.NewDecoder(bytes.NewReader(body)), at: []string{at}}
	p.decoder.UseNumber()
	return p
}

func (p *parser) all(body []byte) (any, *fault) {
	if !utf8.Valid(body) {
		return nil, &fault{message: "is not UTF-8"}
	}
	if at := loneSurrogate(body); at >= 0 {
		return nil, &fault{message: "has an incomplete surrogate pair at byte " + strconv.Itoa(at)}
	}
	tree, wrong := p.value()
	if wrong != nil {
		return nil, wrong
	}
	if _, err := p.decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, &fault{message: "has further text after its value at byte " + strconv.FormatInt(p.decoder.InputOffset(), 10)}
	}
	return tree, nil
}

// fault returns an error of the current value.
func (p *parser) fault(message string) *fault {
	return &fault{location: place(strings.Join(p.at, "")), message: message}
}

func (p *parser) value() (any, *fault) {
	if p.values++; p.values > mostValues {
		return nil, &fault{location: p.at[0], message: "has more than " + strconv.Itoa(mostValues) + " values"}
	}
	token, wrong := p.token()
	if wrong != nil {
		return nil, wrong
	}
	switch token := token.(type) {
	case json.Delim:
		if len(p.at) > deepest {
			return nil, p.fault("is nested more than " + strconv.Itoa(deepest) + " levels deep")
		}
		switch {
		case token == '{':
			return p.object()
		case p.batch && len(p.at) == 2 && p.at[1] == ".facts":
			return p.unparsed()
		}
		return p.array()
	case string:
		if len(p.at) == 2 && p.at[1] == ".visitor" {
			return token, nil
		}
		return token, p.storable(token)
	case json.Number:
		return p.numeral(string(token))
	}
	return token, nil // a bool, or nil
}

// within reads the value of a member or item.
func (p *parser) within(step string) (any, *fault) {
	p.at = append(p.at, step)
	value, wrong := p.value()
	p.at = p.at[:len(p.at)-1]
	return value, wrong
}

func (p *parser) object() (any, *fault) {
	members := map[string]any{}
	for p.decoder.More() {
		token, wrong := p.token()
		if wrong != nil {
			return nil, wrong
		}
		name, _ := token.(string) // the decoder accepts nothing else
		if wrong := p.storable(name); wrong != nil {
			return nil, wrong
		}
		if _, twice := members[name]; twice {
			p.at = append(p.at, "."+name)
			return nil, p.fault("is given twice")
		}
		if members[name], wrong = p.within("." + name); wrong != nil {
			return nil, wrong
		}
	}
	_, wrong := p.token()
	return members, wrong
}

func (p *parser) array() (any, *fault) {
	items := []any{}
	for p.decoder.More() {
		item, wrong := p.within("[" + strconv.Itoa(len(items)) + "]")
		if wrong != nil {
			return nil, wrong
		}
		items = append(items, item)
	}
	_, wrong := p.token()
	return items, wrong
}

// unparsed reads the facts of a batch without parsing them.
func (p *parser) unparsed() (any, *fault) {
	var facts []any
	for text := (json.RawMessage)(nil); p.decoder.More(); facts = append(facts, nil) {
		if len(facts) == mostFacts {
			return nil, p.fault(fmt.Sprintf(validation.MsgExpectedMaxItems, mostFacts))
		}
		if p.decoder.Decode(&text) != nil {
			return nil, p.malformed()
		}
	}
	_, wrong := p.token()
	return facts, wrong
}

func (p *parser) token() (json.Token, *fault) {
	token, err := p.decoder.Token()
	if err != nil {
		return nil, p.malformed()
	}
	return token, nil
}

func (p *parser) malformed() *fault {
	return &fault{message: "is not JSON at byte " + strconv.FormatInt(p.decoder.InputOffset(), 10)}
}

// storable refuses U+0000, the one character that Postgres does not store.
func (p *parser) storable(text string) *fault {
	if strings.IndexByte(text, 0) >= 0 {
		return p.fault("has the character U+0000, which cannot be stored")
	}
	return nil
}

// numeral reads a number as an int64 if it is written as one. Other numbers must be within the
// range of a float64, which every program can read.
func (p *parser) numeral(text string) (any, *fault) {
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
		return whole, nil
	}
	approximate, err := strconv.ParseFloat(text, 64)
	mantissa, shift := exponent(text)
	vanishes := approximate == 0 && strings.ContainsAny(mantissa, "123456789")
	switch {
	case len(text) > longestNumber:
		return nil, p.fault("is a number of more than " + strconv.Itoa(longestNumber) + " characters")
	case err != nil, math.IsInf(approximate, 0), vanishes:
		return nil, p.fault("is outside the range of a 64-bit floating-point number")
	case shift < -largestExponent, shift > largestExponent:
		return nil, p.fault(fmt.Sprintf("has an exponent outside of -%d to %d", largestExponent, largestExponent))
	}
	return number(text), nil
}

// exponent splits a number into its mantissa and its exponent. An exponent that is no int is the
// largest or least one.
func exponent(text string) (mantissa string, exponent int) {
	mantissa, digits, _ := strings.Cut(strings.ToLower(text), "e")
	exponent, _ = strconv.Atoi(digits) // "" is 0
	return mantissa, exponent
}

// loneSurrogate returns the position of an escaped half of a surrogate pair without its other half;
// -1 if there is none.
func loneSurrogate(body []byte) int {
	if !bytes.Contains(body, []byte(`\u`)) {
		return -1
	}
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		switch unit := escaped(body[i:]); {
		case unit >= 0xDC00 && unit < 0xE000:
			return i
		case unit >= 0xD800 && unit < 0xDC00:
			if low := escaped(body[min(i+6, len(body)):]); low < 0xDC00 || low >= 0xE000 {
				return i
			}
			i += 11
		default:
			i++ // skips the escaped character, which may be a backslash
		}
	}
	return -1
}

// escaped returns the UTF-16 unit of the escape \uXXXX that a text begins with; -1 if there is
// none.
func escaped(text []byte) int {
	const length = len(`\uXXXX`)
	if len(text) < length || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseUint(string(text[2:length]), 16, 32)
	if err != nil {
		return -1
	}
	return int(unit)
}
