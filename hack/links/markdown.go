package main

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

type link struct {
	line   int
	target string
}

var (
	inline     = regexp.MustCompile(`\]\(<?([^()\s<>]+(?:\([^()\s]*\))?)>?(?:\s+"[^"]*")?\)`)
	definition = regexp.MustCompile(`^\s{0,3}\[[^\]]+\]:\s+<?([^\s<>]+)>?`)
	code       = regexp.MustCompile("`[^`]*`")
	heading    = regexp.MustCompile(`^#{1,6}\s+(.*?)\s*#*$`)
	anchor     = regexp.MustCompile(`<a\s+(?:id|name)="([^"]+)"`)
	markup     = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// linksIn finds the targets of links and images, outside of code.
func linksIn(markdown string) []link {
	var links []link
	prose(markdown, func(number int, line string) {
		line = code.ReplaceAllString(line, "")
		matches := inline.FindAllStringSubmatch(line, -1)
		matches = append(matches, definition.FindAllStringSubmatch(line, -1)...)
		for _, match := range matches {
			links = append(links, link{line: number, target: match[1]})
		}
	})
	return links
}

// anchors are the names of a page's headings, and those set by hand.
func anchors(markdown string) map[string]bool {
	names := map[string]bool{}
	seen := map[string]int{}
	prose(markdown, func(_ int, line string) {
		for _, match := range anchor.FindAllStringSubmatch(line, -1) {
			names[match[1]] = true
		}
		match := heading.FindStringSubmatch(line)
		if match == nil {
			return
		}
		name := slug(match[1])
		if count := seen[name]; count > 0 {
			names[name+"-"+strconv.Itoa(count)] = true
		} else {
			names[name] = true
		}
		seen[name]++
	})
	return names
}

// prose calls each with the lines that are not in a fenced block of code.
func prose(markdown string, each func(number int, line string)) {
	fence := ""
	for i, line := range strings.Split(markdown, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case fence != "":
			if strings.HasPrefix(trimmed, fence) {
				fence = ""
			}
		case strings.HasPrefix(trimmed, "```"):
			fence = "```"
		case strings.HasPrefix(trimmed, "~~~"):
			fence = "~~~"
		default:
			each(i+1, line)
		}
	}
}

// slug makes the name of a heading as GitHub does: lower case, spaces become hyphens, other than
// letters, digits, hyphens and underscores is dropped.
func slug(heading string) string {
	heading = markup.ReplaceAllString(heading, "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		case r == ' ':
			return '-'
		}
		return -1
	}, heading)
}
