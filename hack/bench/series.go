package main

import (
	"context"
	"fmt"
	"slices"
)

// series are the values of one thing, one a round.
type series []float64

// median is the middle value, or the mean of the two in the middle.
func (s series) median() float64 {
	sorted := slices.Sorted(slices.Values(s))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// quantile is the value that a share of all values is not above.
func (s series) quantile(share float64) float64 {
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

// side is one of two things that are compared, by a number such as pairs/s.
type side struct {
	name string
	run  func(context.Context) (float64, error)
}

// compare measures both sides in turn, round by round, and returns each round's measured over
// baseline. The order alternates, so that a machine that slows down or speeds up favours neither.
func (w *world) compare(ctx context.Context, unit string, measured, baseline side) (series, error) {
	single := func(s side) costSide {
		return costSide{s.name, func(ctx context.Context) (cost, error) {
			value, err := s.run(ctx)
			return cost{value}, err
		}}
	}
	ratios, err := w.compareCosts(ctx, []string{unit}, single(measured), single(baseline))
	if err != nil {
		return nil, err
	}
	return ratios[0], nil
}

// cost is the result of one run of a side: one number per unit.
type cost []float64

// costSide is a side that is compared by several numbers of the same run.
type costSide struct {
	name string
	run  func(context.Context) (cost, error)
}

// compareCosts is compare for several numbers, and returns a series for each.
func (w *world) compareCosts(ctx context.Context, units []string, measured, baseline costSide) ([]series, error) {
	ratios := make([]series, len(units))
	for round := range w.rounds {
		values := map[string]cost{}
		order := []costSide{measured, baseline}
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, s := range order {
			value, err := s.run(ctx)
			if err != nil {
				return nil, fmt.Errorf("while measuring %s: %w", s.name, err)
			}
			values[s.name] = value
		}
		for i, unit := range units {
			value, over := values[measured.name][i], values[baseline.name][i]
			ratios[i] = append(ratios[i], value/over)
			w.say("round %d of %d: %s %.4g %s, %s %.4g: %.3f", round+1, w.rounds,
				measured.name, value, unit, baseline.name, over, value/over)
		}
	}
	return ratios, nil
}
