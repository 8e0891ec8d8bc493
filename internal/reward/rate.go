package reward

import (
	"fmt"

	"github.com/cockroachdb/apd/v3"
)

// ParseRate parses a rate in per cent and returns it without trailing zeros, so that equal rates
// are equal strings: "10" for "10.00".
func ParseRate(rate string) (string, error) {
	value, err := rateOf(rate)
	if err != nil {
		return "", err
	}
	value.Reduce(value)
	return value.Text('f'), nil
}

const rateDecimals = 4

var hundred = apd.New(100, 0)

func rateOf(rate string) (*apd.Decimal, error) {
	value, err := parseDecimal(rate)
	if err != nil {
		return nil, fmt.Errorf("rate %w", err)
	}
	if value.IsZero() || value.Cmp(hundred) > 0 {
		return nil, fmt.Errorf("rate %q is out of range: must be above 0 and at most 100", rate)
	}
	if -value.Exponent > rateDecimals {
		return nil, fmt.Errorf("rate %q has more than %d decimals", rate, rateDecimals)
	}
	return value, nil
}

// The product of an amount (19 digits) and a rate (7 digits) is exact in this context. Only the
// conversion to minor units rounds.
var exact = apd.Context{
	Precision:   40,
	MaxExponent: apd.MaxExponent,
	MinExponent: apd.MinExponent,
	Traps:       apd.DefaultTraps,
	Rounding:    apd.RoundHalfUp,
}

// percentageOf returns rate per cent of net minor units, rounded half-up to the minor unit. The
// rate is at most 100, so the result never exceeds net.
func percentageOf(net int64, rate string) (int64, error) {
	value, err := rateOf(rate)
	if err != nil {
		return 0, err
	}
	if _, err := exact.Mul(value, value, apd.New(net, -2)); err != nil {
		return 0, fmt.Errorf("while taking %s%% of %d: %w", rate, net, err)
	}
	if _, err := exact.Quantize(value, value, 0); err != nil {
		return 0, fmt.Errorf("while rounding %s%% of %d: %w", rate, net, err)
	}
	return value.Int64()
}
