package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// deepest is how far values may be nested: what Go and Postgres both read
	// without effort, and more than any application needs.
	deepest = 32
	// longestNumber is how many characters a number may have.
	longestNumber = 100
)

// number is a number that is no int64, as it was written.
type number string

// fault is what is wrong with a body before its fields are looked at.
type fault struct {
	location string // of a value; empty: of the text itself
	message  string
}

// parse reads JSON into maps, slices, strings, bools, nil, int64 and number.
// It is stricter than encoding/json, which lets the last of two members of one
// name win and quietly replaces what is no text, so that two different ids
// could become one; and it refuses what Postgres cannot store.
func parse(body []byte) (any, *fault) {
	if !utf8.Valid(body) {
		return nil, &fault{message: "is not UTF-8"}
	}
	if at := loneSurrogate(body); at >= 0 {
		return nil, &fault{message: "has half of a surrogate pair at byte " + strconv.Itoa(at)}
	}
	p := parser{decoder: json.NewDecoder(bytes.NewReader(body)), at: []string{"body"}}
	p.decoder.UseNumber()
	tree, wrong := p.value()
	if wrong != nil {
		return nil, wrong
	}
	if _, err := p.decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, &fault{message: "goes on after its value at byte " + strconv.FormatInt(p.decoder.InputOffset(), 10)}
	}
	return tree, nil
}

// parser keeps where it is in pieces: written out for each value, a long name
// around many values would take for ever.
type parser struct {
	decoder *json.Decoder
	at      []string
}

// fault is what is wrong with the value at which the parser is.
func (p *parser) fault(message string) *fault {
	return &fault{location: place(strings.Join(p.at, "")), message: message}
}

func (p *parser) value() (any, *fault) {
	token, wrong := p.token()
	if wrong != nil {
		return nil, wrong
	}
	switch token := token.(type) {
	case json.Delim:
		if len(p.at) > deepest {
			return nil, p.fault("is nested more than " + strconv.Itoa(deepest) + " deep")
		}
		if token == '{' {
			return p.object()
		}
		return p.array()
	case string:
		return token, p.legible(token)
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
		name, _ := token.(string) // the decoder takes nothing else
		if wrong := p.legible(name); wrong != nil {
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

func (p *parser) token() (json.Token, *fault) {
	token, err := p.decoder.Token()
	if err != nil {
		return nil, &fault{message: "is not JSON from byte " + strconv.FormatInt(p.decoder.InputOffset(), 10) + " on"}
	}
	return token, nil
}

// legible refuses the one character that Postgres keeps in no text.
func (p *parser) legible(text string) *fault {
	if strings.IndexByte(text, 0) >= 0 {
		return p.fault("has the character U+0000, which cannot be stored")
	}
	return nil
}

// numeral reads a number as an int64 if it is written as one. Others must be
// such as every program reads: within the range of a float64.
func (p *parser) numeral(text string) (any, *fault) {
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
		return whole, nil
	}
	approximate, err := strconv.ParseFloat(text, 64)
	mantissa, _, _ := strings.Cut(strings.ToLower(text), "e")
	vanishes := approximate == 0 && strings.ContainsAny(mantissa, "123456789")
	switch {
	case len(text) > longestNumber:
		return nil, p.fault("is a number of more than " + strconv.Itoa(longestNumber) + " characters")
	case err != nil, math.IsInf(approximate, 0), vanishes:
		return nil, p.fault("is a number that few programs can read")
	}
	return number(text), nil
}

// loneSurrogate is where an escaped half of a surrogate pair stands without
// its other half; -1: nowhere.
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
			i++ // what is escaped is no escape itself
		}
	}
	return -1
}

// escaped is the unit that a text begins with in the form \uXXXX; -1: it does not.
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
