package model

import (
	"fmt"
	"reflect"
	"sort"
	"strings"
)

// asTest returns a history as a Go test that can be pasted into found_test.go.
func asTest(history []operation) string {
	var b strings.Builder
	b.WriteString("func TestFound(t *testing.T) {\n\tnewShop(t).play(t, []operation{\n")
	for _, o := range history {
		fmt.Fprintf(&b, "\t\t%s,\n", literal(reflect.ValueOf(o)))
	}
	b.WriteString("\t})\n}\n")
	return b.String()
}

// literal returns a value as a Go literal without the fields that are zero.
func literal(v reflect.Value) string {
	var parts []string
	switch v.Kind() {
	case reflect.Interface:
		return literal(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Field(i); !field.IsZero() {
				parts = append(parts, v.Type().Field(i).Name+": "+literal(field))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			parts = append(parts, literal(v.Index(i)))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			parts = append(parts, literal(key)+": "+literal(v.MapIndex(key)))
		}
		sort.Strings(parts)
	default:
		return fmt.Sprintf("%#v", v.Interface())
	}
	return strings.ReplaceAll(v.Type().String(), "model.", "") + "{" + strings.Join(parts, ", ") + "}"
}
