// Command links reports dead links in the documentation: relative links to files that do not exist,
// and links to headings that their file does not have. It does not follow links to other sites.
package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	dead, err := deadLinks(".")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, link := range dead {
		fmt.Println(link)
	}
	if len(dead) > 0 {
		os.Exit(1)
	}
}

// deadLinks checks every Markdown file below root.
func deadLinks(root string) ([]string, error) {
	var dead []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != root && skipped(entry.Name()) {
			return filepath.SkipDir
		}
		if entry.IsDir() || filepath.Ext(path) != ".md" {
			return nil
		}
		found, err := deadIn(path)
		dead = append(dead, found...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("while looking for dead links: %w", err)
	}
	return dead, nil
}

// skipped reports whether a directory contains no documentation of this project.
func skipped(name string) bool {
	hidden := strings.HasPrefix(name, ".") && name != ".github"
	return hidden || name == "bin" || name == "testdata" || name == "node_modules"
}

func deadIn(path string) ([]string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var dead []string
	for _, link := range linksIn(string(content)) {
		if why := check(path, link.target); why != "" {
			dead = append(dead, fmt.Sprintf("%s:%d: %s: %s", path, link.line, link.target, why))
		}
	}
	return dead, nil
}

// check says what is wrong with a target that is linked to from a file; empty if nothing is.
func check(from, target string) string {
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return ""
	}
	file, heading, hasHeading := strings.Cut(target, "#")
	path := from
	if file != "" {
		path = filepath.Join(filepath.Dir(from), filepath.FromSlash(file))
	}
	content, err := readIfFile(path)
	if err != nil {
		return "there is no such file"
	}
	if hasHeading && filepath.Ext(path) == ".md" && !anchors(content)[heading] {
		return "there is no such heading"
	}
	return ""
}

// readIfFile also accepts a directory, which has no headings.
func readIfFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return "", err
	}
	content, err := os.ReadFile(path)
	return string(content), err
}
