package view

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Width is the most columns of a line, unless Options.Wide is set.
const Width = 100

// clean returns text with every rune that a terminal could act on written as an escape: ids and
// messages come from the application's users.
func clean(text string) string {
	var cleaned strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			cleaned.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		cleaned.WriteString(quoted[1 : len(quoted)-1])
	}
	return cleaned.String()
}

// quoted is a text as one word of a shell. Bytes that a terminal could act on are written as escapes
// that the shell reads.
func quoted(text string) string {
	if clean(text) == text {
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	var word strings.Builder
	for _, b := range []byte(text) {
		if b < ' ' || b > '~' || b == '\'' || b == '\\' {
			fmt.Fprintf(&word, `\x%02x`, b)
			continue
		}
		word.WriteByte(b)
	}
	return "$'" + word.String() + "'"
}

// words yields the words of a text, each with the blank before it. Two blanks stay two, so that no id
// looks like another; a line break with the blanks around it is one. Other white space is part of a
// word.
func words(text string) iter.Seq2[string, string] {
	const blanks = " \t\n\v\f\r"
	return func(yield func(blank, word string) bool) {
		for text != "" {
			begin := len(text) - len(strings.TrimLeft(text, blanks))
			blank := text[:begin]
			if strings.Trim(blank, " ") != "" {
				blank = " "
			}
			text = text[begin:]
			end := strings.IndexAny(text, blanks)
			if end < 0 {
				end = len(text)
			}
			if end > 0 && !yield(blank, clean(text[:end])) {
				return
			}
			text = text[end:]
		}
	}
}

// OneLine is a text on one line, clean.
func OneLine(text string) string {
	var line strings.Builder
	for blank, word := range words(text) {
		if line.Len() > 0 {
			line.WriteString(blank)
		}
		line.WriteString(word)
	}
	return line.String()
}

// columns is how many columns of a terminal a rune takes.
func columns(r rune) int {
	if unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	default:
		return 1
	}
}

// widthOf is how many columns a text takes.
func widthOf(text string) int {
	total := 0
	for _, r := range text {
		total += columns(r)
	}
	return total
}

// cut shortens a text to at most n columns. What is left out shows as "…".
func cut(text string, n int) string {
	if widthOf(text) <= n {
		return text
	}
	return beginning(text, n-1) + "…"
}

// Cut shortens a text to one line of at most n columns.
func Cut(text string, n int) string { return cut(OneLine(text), n) }

// beginning is the first part of a text that takes at most n columns.
func beginning(text string, n int) string {
	for i, r := range text {
		if n -= columns(r); n < 0 {
			return text[:i]
		}
	}
	return text
}

// wrap breaks a text into lines of at most n columns, at blanks where there are any; n is at least
// 2, which one wide character takes.
func wrap(text string, n int) []string {
	n = max(n, 2)
	var lines []string
	line := ""
	for blank, word := range words(text) {
		if line != "" && widthOf(line)+len(blank)+widthOf(word) <= n {
			line += blank + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for widthOf(word) > n {
			begin := beginning(word, n)
			lines, word = append(lines, begin), word[len(begin):]
		}
		line = word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// plural is a number with its noun.
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.FormatInt(n, 10) + " " + noun + "s"
}
