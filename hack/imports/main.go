// Command imports checks what each package of this project compiles, over all its imports and
// theirs, against the table hack/imports.txt.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

const (
	module = "github.com/referral-operator/referral-operator"
	table  = "hack/imports.txt"
)

// directories of the modules whose packages are checked.
var directories = []string{".", "cmd/kubectl-referral"}

func main() {
	found, err := check(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, problem := range found {
		fmt.Println(problem)
	}
	if len(found) > 0 {
		os.Exit(1)
	}
}

func check(ctx context.Context) ([]string, error) {
	text, err := os.ReadFile(table)
	if err != nil {
		return nil, err
	}
	rules, err := parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", table, err)
	}
	imports, err := loadImports(ctx)
	if err != nil {
		return nil, err
	}
	return violations(rules, imports), nil
}

// rule is one line of the table.
type rule struct {
	packages string   // a pattern of packages of this module
	allowed  []string // patterns of packages of this module that they may compile
	never    []string // prefixes of other import paths that they must not compile
}

func parse(text string) ([]rule, error) {
	var rules []rule
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		packages, rest, found := strings.Cut(line, ":")
		if !found {
			return nil, fmt.Errorf("a line without a colon: %s", line)
		}
		allowed, never, _ := strings.Cut(rest, "!")
		rules = append(rules, rule{strings.TrimSpace(packages), strings.Fields(allowed), strings.Fields(never)})
	}
	return rules, nil
}

// loadImports returns the direct imports of every package that the modules compile, by import path.
func loadImports(ctx context.Context) (map[string][]string, error) {
	imports := map[string][]string{}
	for _, directory := range directories {
		if err := loadModule(ctx, directory, imports); err != nil {
			return nil, err
		}
	}
	return imports, nil
}

// loadModule adds the direct imports of every package that one module compiles.
func loadModule(ctx context.Context, directory string, imports map[string][]string) error {
	var output, problem bytes.Buffer
	command := exec.CommandContext(ctx, "go", "list", "-deps", "-json=ImportPath,Imports", "./...")
	command.Dir, command.Stdout, command.Stderr = directory, &output, &problem
	if err := command.Run(); err != nil {
		return fmt.Errorf("while listing the packages of %s: %w: %s", directory, err, problem.String())
	}
	decoder := json.NewDecoder(&output)
	for {
		var listed struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&listed); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("while reading the list of packages: %w", err)
		}
		imports[listed.ImportPath] = listed.Imports
	}
}

// violations are the imports that the rules forbid, the packages without a rule, and the rules
// without a package.
func violations(rules []rule, imports map[string][]string) []string {
	var found []string
	used := make([]bool, len(rules))
	for path := range imports {
		name, own := strings.CutPrefix(path, module+"/")
		if !own {
			continue
		}
		at := slices.IndexFunc(rules, func(r rule) bool { return matches(r.packages, name) })
		if at < 0 {
			found = append(found, fmt.Sprintf("%s has no line in %s", name, table))
			continue
		}
		used[at] = true
		for _, chain := range rules[at].forbidden(path, imports) {
			found = append(found, name+" must not compile "+short(chain[len(chain)-1])+": "+strings.Join(chain, " → "))
		}
	}
	for i, r := range rules {
		if !used[i] {
			found = append(found, fmt.Sprintf("%s in %s matches no package", r.packages, table))
		}
	}
	slices.Sort(found)
	return found
}

// forbidden are the shortest chains of imports from a package to each package that it must not
// compile. What lies behind a forbidden package is not searched.
func (r rule) forbidden(path string, imports map[string][]string) [][]string {
	var found [][]string
	seen := map[string]bool{path: true}
	for queue := [][]string{{path}}; len(queue) > 0; queue = queue[1:] {
		chain := queue[0]
		for _, next := range imports[chain[len(chain)-1]] {
			if seen[next] {
				continue
			}
			seen[next] = true
			longer := append(slices.Clone(chain), next)
			if r.allows(next) {
				queue = append(queue, longer)
				continue
			}
			for i, step := range longer {
				longer[i] = short(step)
			}
			found = append(found, longer)
		}
	}
	return found
}

func (r rule) allows(path string) bool {
	if name, own := strings.CutPrefix(path, module+"/"); own {
		return slices.ContainsFunc(r.allowed, func(pattern string) bool { return matches(pattern, name) })
	}
	return !slices.ContainsFunc(r.never, func(prefix string) bool { return path == prefix || strings.HasPrefix(path, prefix+"/") })
}

// matches reports whether a package is the pattern or, if the pattern ends in "...", is below it.
func matches(pattern, name string) bool {
	prefix, below := strings.CutSuffix(pattern, "...")
	return name == pattern || below && (strings.HasPrefix(name, prefix) || name+"/" == prefix)
}

func short(path string) string { return strings.TrimPrefix(path, module+"/") }
