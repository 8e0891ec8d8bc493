// Command dashboard writes the Grafana dashboard, config/grafana/dashboard.json, to its output.
package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
)

// panel is one graph or number.
type panel struct {
	title, unit string
	kind        string // timeseries, stat or bargauge
	queries     []query
}

type query struct{ expr, legend string }

// row is a group of panels.
type row struct {
	title  string
	panels []panel
}

const (
	series = "timeseries"
	stat   = "stat"
	bars   = "bargauge"

	campaigns = `{namespace=~"$namespace", campaign=~"$campaign"}`
	databases = `{namespace=~"$namespace"}`
)

// byCampaign takes the leader's value.
func byCampaign(metric string) string {
	return "max by (namespace, campaign) (" + metric + campaigns + ")"
}

func byDatabase(metric string) string {
	return "max by (namespace, database) (" + metric + databases + ")"
}

func rows() []row {
	const campaign, database = "{{namespace}}/{{campaign}}", "{{namespace}}/{{database}}"
	return []row{
		{"Funnel", []panel{
			{"Visits with a code", "short", series, []query{{`sum by (result) (rate(referral_tracker_arrivals_total[$__rate_interval]))`, "{{result}}"}}},
			{"Pairs by state", "short", bars, []query{{`sum by (state) (max by (namespace, campaign, state) (referral_campaign_pairs` + campaigns + `))`, "{{state}}"}}},
			{"Pairs entering a state", "short", series, []query{{`sum by (state) (rate(referral_engine_pairs_total[$__rate_interval]))`, "{{state}}"}}},
		}},
		{"Money", []panel{
			{"Net granted credit", "short", series, []query{{`max by (namespace, campaign, currency) (referral_campaign_credit_granted` + campaigns + `)`, campaign + " {{currency}}"}}},
			{"Reversed credit", "short", series, []query{{`max by (namespace, campaign, currency) (referral_campaign_credit_reversed` + campaigns + `)`, campaign + " {{currency}}"}}},
			{"Credit per second", "short", series, []query{{`sum by (kind, currency) (rate(referral_engine_credit_total[$__rate_interval]))`, "{{kind}} {{currency}}"}}},
		}},
		{"Latency", []panel{
			{"From fact to decision", "s", series, []query{
				{`histogram_quantile(0.5, sum by (le) (rate(referral_engine_credit_latency_seconds_bucket[$__rate_interval])))`, "half"},
				{`histogram_quantile(0.99, sum by (le) (rate(referral_engine_credit_latency_seconds_bucket[$__rate_interval])))`, "99 %"},
			}},
			{"Stages of a batch", "s", series, []query{{`sum by (stage) (rate(referral_engine_batch_stage_duration_seconds_sum[$__rate_interval])) / ignoring (stage) group_left sum(rate(referral_engine_batch_duration_seconds_count[$__rate_interval]))`, "{{stage}}"}}},
			{"Pending changes", "short", series, []query{{byDatabase("referral_database_pending_changes"), database}}},
			{"Age of the oldest pending change", "s", series, []query{{byDatabase("referral_database_oldest_pending_change_age_seconds"), database}}},
		}},
		{"Budget", []panel{
			{"Budget remaining", "short", series, []query{{`max by (namespace, campaign, currency) (referral_campaign_budget_remaining` + campaigns + `)`, campaign + " {{currency}}"}}},
			{"Part of the budget used", "percentunit", stat, []query{{`1 - max by (namespace, campaign) (referral_campaign_budget_remaining` + campaigns + `) / max by (namespace, campaign) (referral_campaign_budget` + campaigns + `)`, campaign}}},
		}},
		{"Withheld and set aside", []panel{
			{"Withheld pairs", "short", stat, []query{{`max by (namespace, campaign, cause) (referral_campaign_withheld_pairs` + campaigns + `)`, campaign + " {{cause}}"}}},
			{"Referees set aside", "short", stat, []query{{byDatabase("referral_database_set_aside_referees"), database}}},
			{"Drift corrected", "short", stat, []query{{byCampaign("referral_campaign_drift_corrected"), campaign}}},
			{"Pairs left in rollouts", "short", stat, []query{{byCampaign("referral_campaign_rollout_pairs_remaining"), campaign}}},
		}},
		{"Errors", []panel{
			{"Ready", "short", stat, []query{{`max by (namespace, database, reason) (referral_database_ready` + databases + `)`, database + " {{reason}}"}}},
			{"Batches", "short", series, []query{{`sum by (result) (rate(referral_engine_batches_total[$__rate_interval]))`, "{{result}}"}}},
			{"Errors of databases", "short", series, []query{{`sum by (class) (rate(referral_database_errors_total[$__rate_interval]))`, "{{class}}"}}},
			{"Connections used", "percentunit", series, []query{{byDatabase("referral_database_connections_used_ratio"), database}}},
		}},
		{"Tracker", []panel{
			{"Requests", "reqps", series, []query{{`sum by (route, code) (rate(referral_tracker_requests_total[$__rate_interval]))`, "{{route}} {{code}}"}}},
			{"Time of requests, 99 %", "s", series, []query{{`histogram_quantile(0.99, sum by (le, route) (rate(referral_tracker_request_seconds_bucket[$__rate_interval])))`, "{{route}}"}}},
			{"Touches", "short", series, []query{
				{`sum(rate(referral_tracker_touches_written_total[$__rate_interval]))`, "written"},
				{`sum(rate(referral_tracker_touches_shed_total[$__rate_interval]))`, "shed"},
			}},
			{"Touches waiting", "short", series, []query{{`sum(referral_tracker_touches_queued)`, "waiting"}}},
		}},
	}
}

type object = map[string]any

// dashboard returns the dashboard in Grafana's format.
func dashboard() object {
	const width, height = 24, 8
	source := object{"type": "prometheus", "uid": "${datasource}"}
	var panels []object
	id, y := 0, 0
	add := func(kind, title string, x, w, h int, more object) {
		id++
		p := object{"id": id, "type": kind, "title": title, "gridPos": object{"x": x, "y": y, "w": w, "h": h}}
		maps.Copy(p, more)
		panels = append(panels, p)
	}
	for _, row := range rows() {
		add("row", row.title, 0, width, 1, object{"collapsed": false, "panels": []object{}})
		y++
		each := width / len(row.panels)
		for i, panel := range row.panels {
			var targets []object
			for j, query := range panel.queries {
				targets = append(targets, object{
					"refId": string(rune('A' + j)), "expr": query.expr, "legendFormat": query.legend, "datasource": source,
				})
			}
			add(panel.kind, panel.title, i*each, each, height, object{
				"datasource": source, "targets": targets,
				"fieldConfig": object{"defaults": object{"unit": panel.unit}, "overrides": []object{}},
			})
		}
		y += height
	}
	variable := func(name, query string) object {
		return object{
			"name": name, "type": "query", "datasource": source, "query": object{"query": query, "refId": name},
			"definition": query, "includeAll": true, "multi": true, "allValue": ".*", "refresh": 2,
			"current": object{"text": "All", "value": "$__all"},
		}
	}
	return object{
		"uid": "referral-operator", "title": "Referral operator", "tags": []string{"referral-operator"},
		"schemaVersion": 39, "editable": true, "refresh": "30s", "time": object{"from": "now-6h", "to": "now"},
		"templating": object{"list": []object{
			{"name": "datasource", "type": "datasource", "query": "prometheus"},
			variable("namespace", "label_values(referral_database_ready, namespace)"),
			variable("campaign", `label_values(referral_campaign_ready{namespace=~"$namespace"}, campaign)`),
		}},
		"panels": panels,
	}
}

func main() {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(dashboard()); err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}
