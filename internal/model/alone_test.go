package model

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// What the model says about a rule must not be what the system says about it.
func TestTheModelImportsNothingOfTheSystem(t *testing.T) {
	files, err := filepath.Glob("rule_*_test.go")
	must(t, err)
	if len(files) == 0 {
		t.Fatal("no rules")
	}
	for _, file := range append(files, "state_test.go") {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		must(t, err)
		for _, i := range parsed.Imports {
			if strings.Contains(i.Path.Value, ".") {
				t.Errorf("%s imports %s", file, i.Path.Value)
			}
		}
	}
}
