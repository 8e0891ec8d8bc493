package controllers

import (
	"fmt"
	"strings"
)

// plural returns n with the words that follow it: one if n is 1, else many.
func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// firstFew lists the first few of the names, and says how many more there are.
func firstFew(names []string) string {
	const most = 5
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}

// withWarnings returns a message about something that works, followed by the first few warnings.
func withWarnings(message string, warnings []string) string {
	if len(warnings) == 0 {
		return message
	}
	const most = 3
	if more := len(warnings) - most; more > 0 {
		warnings = append(warnings[:most:most], fmt.Sprintf("and %d more", more))
	}
	return message + "; warning: " + strings.Join(warnings, "; ")
}
