package reward

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// ParseAmount parses a decimal amount above zero, such as "5.00", into minor units of its currency.
// The error names the amount and says what is allowed; the caller adds the field.
func ParseAmount(amount, currency string) (int64, error) {
	digits, known := digitsOf(currency)
	if !known {
		return 0, fmt.Errorf("currency %q is not known: must be an ISO 4217 code such as USD", currency)
	}
	value, err := parseDecimal(amount)
	if err != nil {
		return 0, fmt.Errorf("amount %w", err)
	}
	if int(-value.Exponent) > digits {
		return 0, fmt.Errorf("amount %q has more decimals than %s, which has %s", amount, currency, decimals(digits))
	}
	if value.IsZero() {
		return 0, fmt.Errorf("amount %q is not above zero: the least amount of %s is %s", amount, currency, FormatAmount(1, currency))
	}
	minor, err := shifted(value, digits).Int64()
	if err != nil {
		return 0, fmt.Errorf("amount %q is too large: the largest amount of %s is %s", amount, currency, FormatAmount(maxAmount, currency))
	}
	return minor, nil
}

// FormatAmount formats minor units for people: "5.00" for 500 of USD. A currency that ISO 4217 does
// not know, such as a shop's points, has no decimals.
func FormatAmount(minor int64, currency string) string {
	return formatted(apd.New(minor, 0), currency)
}

// FormatSum is FormatAmount for sums, which may exceed the range of an amount.
func FormatSum(minor *big.Int, currency string) string {
	return formatted(apd.NewWithBigInt(new(apd.BigInt).SetMathBigInt(minor), 0), currency)
}

const maxAmount = 1<<63 - 1 // what a bigint holds

func formatted(minor *apd.Decimal, currency string) string {
	digits, _ := digitsOf(currency)
	return shifted(minor, -digits).Text('f')
}

// shifted returns the value with its decimal point moved to the right.
func shifted(value *apd.Decimal, places int) *apd.Decimal {
	var moved apd.Decimal
	moved.Set(value)
	moved.Exponent += int32(places)
	return &moved
}

func decimals(digits int) string {
	if digits == 0 {
		return "none"
	}
	return fmt.Sprint("at most ", digits)
}

var errNotPlain = errors.New(`must be a plain decimal number such as "5.00": digits, and a point between digits`)

// parseDecimal parses digits with at most one point between them. It refuses signs, exponents,
// commas, spaces and names of infinities, some of which apd accepts.
func parseDecimal(s string) (*apd.Decimal, error) {
	const longest = 64
	if len(s) > longest {
		return nil, fmt.Errorf("%q… is too long: must be a decimal number of at most %d characters", s[:16], longest)
	}
	whole, fraction, pointed := strings.Cut(s, ".")
	if !allDigits(whole) || pointed && !allDigits(fraction) {
		return nil, fmt.Errorf("%q %w", s, errNotPlain)
	}
	value, _, err := apd.NewFromString(s)
	if err != nil {
		return nil, fmt.Errorf("%q %w", s, errNotPlain)
	}
	return value, nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
