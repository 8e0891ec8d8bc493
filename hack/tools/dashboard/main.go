// Command dashboard writes the Grafana dashboard, config/grafana/dashboard.json, to its output.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// panel is one graph or number.
type panel struct {
	title, unit string
	kind        kind
	queries     []query
}

// kind is how a panel shows its queries.
type kind int

const (
	graph kind = iota
	number
	bars
)

type query struct{ expr, legend string }

// row is a group of panels beside each other.
type row struct {
	title  string
	panels []panel
}

const (
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
			{"Visits with a code", units.Short, graph, []query{{`sum by (result) (rate(referral_tracker_arrivals_total[$__rate_interval]))`, "{{result}}"}}},
			{"Pairs by state", units.Short, bars, []query{{`sum by (state) (max by (namespace, campaign, state) (referral_campaign_pairs` + campaigns + `))`, "{{state}}"}}},
			{"Pairs entering a state", units.Short, graph, []query{{`sum by (state) (rate(referral_engine_pairs_total[$__rate_interval]))`, "{{state}}"}}},
		}},
		{"Money", []panel{
			{"Net granted credit", units.Short, graph, []query{{`max by (namespace, campaign, currency) (referral_campaign_credit_granted` + campaigns + `)`, campaign + " {{currency}}"}}},
			{"Reversed credit", units.Short, graph, []query{{`max by (namespace, campaign, currency) (referral_campaign_credit_reversed` + campaigns + `)`, campaign + " {{currency}}"}}},
			{"Credit per second", units.Short, graph, []query{{`sum by (kind, currency) (rate(referral_engine_credit_total[$__rate_interval]))`, "{{kind}} {{currency}}"}}},
		}},
		{"Latency", []panel{
			{"From fact to decision", units.Seconds, graph, []query{
				{`histogram_quantile(0.5, sum by (le) (rate(referral_engine_credit_latency_seconds_bucket[$__rate_interval])))`, "half"},
				{`histogram_quantile(0.99, sum by (le) (rate(referral_engine_credit_latency_seconds_bucket[$__rate_interval])))`, "99 %"},
			}},
			{"Stages of a batch", units.Seconds, graph, []query{{`sum by (stage) (rate(referral_engine_batch_stage_duration_seconds_sum[$__rate_interval])) / ignoring (stage) group_left sum(rate(referral_engine_batch_duration_seconds_count[$__rate_interval]))`, "{{stage}}"}}},
			{"Pending changes", units.Short, graph, []query{{byDatabase("referral_database_pending_changes"), database}}},
			{"Age of the oldest pending change", units.Seconds, graph, []query{{byDatabase("referral_database_oldest_pending_change_age_seconds"), database}}},
		}},
		{"Budget", []panel{
			{"Budget remaining", units.Short, graph, []query{{`max by (namespace, campaign, currency) (referral_campaign_budget_remaining` + campaigns + `)`, campaign + " {{currency}}"}}},
			{"Part of the budget used", units.PercentUnit, number, []query{{`1 - max by (namespace, campaign) (referral_campaign_budget_remaining` + campaigns + `) / max by (namespace, campaign) (referral_campaign_budget` + campaigns + `)`, campaign}}},
		}},
		{"Withheld and set aside", []panel{
			{"Withheld pairs", units.Short, number, []query{{`max by (namespace, campaign, cause) (referral_campaign_withheld_pairs` + campaigns + `)`, campaign + " {{cause}}"}, {byDatabase("referral_database_closed_withheld_pairs"), database + " closed campaigns"}}},
			{"Referees set aside", units.Short, number, []query{{byDatabase("referral_database_set_aside_referees"), database}}},
			{"Drift corrected", units.Short, number, []query{{byCampaign("referral_campaign_drift_corrected"), campaign}}},
			{"Pairs left in rollouts", units.Short, number, []query{{byCampaign("referral_campaign_rollout_pairs_remaining"), campaign}}},
		}},
		{"Errors", []panel{
			{"Ready", units.Short, number, []query{{`max by (namespace, database, reason) (referral_database_ready` + databases + `)`, database + " {{reason}}"}}},
			{"Batches", units.Short, graph, []query{{`sum by (result) (rate(referral_engine_batches_total[$__rate_interval]))`, "{{result}}"}}},
			{"Errors of databases", units.Short, graph, []query{{`sum by (class) (rate(referral_database_errors_total[$__rate_interval]))`, "{{class}}"}}},
			{"Connections used", units.PercentUnit, graph, []query{{byDatabase("referral_database_connections_used_ratio"), database}}},
		}},
		{"Tracker", []panel{
			{"Requests", units.RequestsPerSecond, graph, []query{{`sum by (route, code) (rate(referral_tracker_requests_total[$__rate_interval]))`, "{{route}} {{code}}"}}},
			{"Time of requests, 99 %", units.Seconds, graph, []query{{`histogram_quantile(0.99, sum by (le, route) (rate(referral_tracker_request_seconds_bucket[$__rate_interval])))`, "{{route}}"}}},
			{"Touches", units.Short, graph, []query{
				{`sum(rate(referral_tracker_touches_written_total[$__rate_interval]))`, "written"},
				{`sum(rate(referral_tracker_touches_shed_total[$__rate_interval]))`, "shed"},
			}},
			{"Touches waiting", units.Short, graph, []query{{`sum(referral_tracker_touches_queued)`, "waiting"}}},
		}},
	}
}

// source is the data source that the viewer chooses.
var source = common.DataSourceRef{Type: new("prometheus"), Uid: new("${datasource}")}

// build returns the dashboard, in the format that every Grafana in use imports: the second version
// of the format needs a new one.
func build() (dashboard.Dashboard, error) { //nolint:staticcheck // the SDK prefers the second version
	const width, height = 24, 8 // of a row of panels, in the cells of Grafana's grid

	board := dashboard.NewDashboardBuilder("Referral operator") //nolint:staticcheck // as above
	board.Uid("referral-operator").Tags([]string{"referral-operator"}).Refresh("30s").Time("now-6h", "now")
	board.WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Type("prometheus"))
	board.WithVariable(variable("namespace", "label_values(referral_database_ready, namespace)"))
	board.WithVariable(variable("campaign", `label_values(referral_campaign_ready{namespace=~"$namespace"}, campaign)`))
	id := uint32(0)
	for _, row := range rows() {
		id++
		board.WithRow(dashboard.NewRowBuilder(row.title).Id(id))
		for _, panel := range row.panels {
			id++
			board.WithPanel(panel.builder(id, width/uint32(len(row.panels)), height))
		}
	}
	return board.Build()
}

// variable is a choice of values of a label; none chosen: all.
func variable(name, values string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).
		Datasource(source).
		Query(dashboard.StringOrMap{String: &values}).Definition(values).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		IncludeAll(true).Multi(true).AllValue(".*").
		Current(dashboard.VariableOption{
			Text: dashboard.StringOrArrayOfString{String: new("All")}, Value: dashboard.StringOrArrayOfString{String: new("$__all")},
		})
}

func (p panel) builder(id, width, height uint32) cog.Builder[dashboard.Panel] {
	switch p.kind {
	case number:
		return filled(stat.NewPanelBuilder(), p, id, width, height)
	case bars:
		return filled(bargauge.NewPanelBuilder(), p, id, width, height)
	default:
		return filled(timeseries.NewPanelBuilder(), p, id, width, height)
	}
}

// builder is what the builders of all kinds of panels have in common.
type builder[B any] interface {
	Id(uint32) B
	Title(string) B
	Unit(string) B
	Span(uint32) B
	Height(uint32) B
	Datasource(common.DataSourceRef) B
	WithTarget(cog.Builder[variants.Dataquery]) B
}

func filled[B builder[B]](b B, p panel, id, width, height uint32) B {
	b.Id(id).Title(p.title).Unit(p.unit).Span(width).Height(height).Datasource(source)
	for i, q := range p.queries {
		b.WithTarget(prometheus.NewDataqueryBuilder().
			RefId(string(rune('A' + i))).Expr(q.expr).LegendFormat(q.legend).Datasource(source))
	}
	return b
}

func main() {
	board, err := build()
	if err == nil {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(board)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}
