package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
)

// report prints progress, and the results at the end.
type report struct {
	began    time.Time
	progress io.Writer
	out      io.Writer
}

func newReport() *report {
	return &report{began: time.Now(), progress: os.Stderr, out: os.Stdout}
}

func (r *report) say(subject, message string) {
	fmt.Fprintf(r.progress, "[%6.1fs] %s: %s\n", time.Since(r.began).Seconds(), subject, message)
}

// finish prints a table with every line's limit, then the lines alone, and reports whether all were
// measured and meet their limits.
func (r *report) finish(results []result) (met bool) {
	met = true
	fmt.Fprintf(r.progress, "[%6.1fs] done\n\n", time.Since(r.began).Seconds())
	table := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "LINE\tMEDIAN\tMIN\tMAX\tROUNDS\tLIMIT\t")
	for _, result := range results {
		if result.err != nil {
			met = false
			fmt.Fprintf(table, "%s\t\t\t\t\t%s\tfailed\n", result.name, result.bound())
			continue
		}
		verdict := "ok"
		if !result.meets(result.median()) {
			met, verdict = false, "MISSED"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", result.name, number(result.median()),
			number(slices.Min(result.series)), number(slices.Max(result.series)), len(result.series), result.bound(), verdict)
	}
	_ = table.Flush() // there is no other place to report it
	fmt.Fprintln(r.out)
	for _, result := range results {
		if result.err == nil {
			fmt.Fprintln(r.out, result.name, number(result.median()))
		}
	}
	return met
}

func number(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }
