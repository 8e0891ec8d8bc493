package main

import (
	"context"
	"fmt"
	"regexp"
)

// line is one number that the bench ends in, and what it must be.
type line struct {
	name   string
	limit  float64
	atMost bool // else: at least
}

func atLeast(name string, limit float64) line { return line{name: name, limit: limit} }
func atMost(name string, limit float64) line  { return line{name: name, limit: limit, atMost: true} }

func (l line) meets(value float64) bool {
	if l.atMost {
		return value <= l.limit
	}
	return value >= l.limit
}

func (l line) bound() string {
	if l.atMost {
		return fmt.Sprintf("at most %g", l.limit)
	}
	return fmt.Sprintf("at least %g", l.limit)
}

// measurement finds the values of some lines, one series each.
type measurement struct {
	lines []line
	run   func(context.Context, *world) ([]series, error)
}

var measurements = []measurement{
	{[]line{atLeast("engine_vs_in_database", 0.8), atMost("engine_cpu_vs_in_database", 2)}, engineVersusInDatabase},
	{[]line{atLeast("engine_vs_row_at_a_time", 5)}, engineVersusRowAtATime},
	{[]line{atMost("step_cost_growth_100x", 1.3)}, stepCostGrowth},
	{[]line{atLeast("engine_with_budget_vs_without", 0.8)}, engineWithBudget},
	{[]line{atMost("waitlist_vs_fast_path", 2.5)}, waitlistVersusFastPath},
	{[]line{atMost("refund_with_long_waitlist", 1.3)}, longWaitlist},
	{[]line{atMost("step_cost_whale_vs_small", 1.5)}, whaleStep},
	{[]line{atMost("dequeue_with_old_writer", 2)}, dequeueWithOldWriter},
	{[]line{atMost("drift_scan_vs_anti_join", 1.5)}, driftScan},
	{[]line{atMost("verify_vs_bare_scan", 3)}, verifyVersusBareScan},
	{[]line{atLeast("plan_vs_drain", 0.7)}, planVersusDrain},
	{[]line{atLeast("insert_throughput_with_capture", 0.78)}, insertThroughput},
	{[]line{atMost("idle_queries_per_poll", 1), atMost("idle_writes", 0)}, idleCost},
	{[]line{atMost("latency_p99_over_poll_interval", 2)}, latency},
	{[]line{atMost("latency_p99_beside_plan", 1.2)}, latencyBesidePlan},
	{[]line{atMost("manager_peak_rss_mib", 96), atMost("manager_peak_rss_mib_plan", 96)}, managerMemory},
	{[]line{atLeast("redirects_vs_null_handler", 0.6)}, redirects},
	{[]line{atLeast("facts_vs_plain_insert", 0.5)}, facts},
	{[]line{atMost("tracker_peak_rss_mib", 64)}, trackerMemory},
	{[]line{atMost("tracker_peak_rss_mib_headers", 96)}, hostile(unfinishedHeaders)},
	{[]line{atMost("tracker_peak_rss_mib_unread", 96)}, hostile(unreadAnswers)},
	{[]line{atMost("tracker_peak_rss_mib_batches", 96)}, hostile(largeBatches)},
	{[]line{atMost("tracker_peak_rss_mib_codes", 96)}, hostile(manyCodes)},
	{[]line{atMost("tracker_peak_rss_mib_explanations", 96)}, hostile(largeExplanations)},
	{[]line{
		atMost("thousand_databases_idle_cpu", 0.25), atMost("thousand_databases_rss_mib", 256),
		atMost("thousand_databases_connections", 1.1), atMost("thousand_databases_ready_vs_status", 3),
		atMost("thousand_databases_credit_p99", 1), atMost("thousand_databases_metrics_seconds", 1),
	}, thousandDatabases},
	{[]line{
		atMost("review_first_seconds", 2), atMost("review_p99_seconds", 1), atMost("reviews_wrong", 0),
		atMost("reviews_left_behind", 0), atMost("reviews_heap_growth_mib", 4), atMost("reviews_goroutine_growth", 8),
	}, reviews},
}

// choose returns the measurements that have a line of a matching name.
func choose(only *regexp.Regexp) []measurement {
	var chosen []measurement
	for _, m := range measurements {
		for _, l := range m.lines {
			if only.MatchString(l.name) {
				chosen = append(chosen, m)
				break
			}
		}
	}
	return chosen
}

// result is a line with what was measured, or with why it was not.
type result struct {
	line
	series
	err error
}

// measure runs the measurements one after the other. One that fails leaves its lines out and the
// others alone.
func measure(ctx context.Context, w *world, chosen []measurement) ([]result, error) {
	var results []result
	for _, m := range chosen {
		w.subject = m.lines[0].name
		all, err := m.run(ctx, w)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("while measuring %s: %w", w.subject, context.Cause(ctx))
		}
		if err != nil {
			w.say("failed: %v", err)
		}
		for i, l := range m.lines {
			r := result{line: l, err: err}
			if err == nil {
				r.series = all[i]
			}
			results = append(results, r)
		}
	}
	return results, nil
}
