package reward

import (
	"math"
	"math/big"
	"strings"
	"testing"
)

func TestCurrencyDigitsAreISOs(t *testing.T) {
	for currency, want := range map[string]int{
		"USD": 2, "EUR": 2, "GBP": 2, "CHF": 2, "INR": 2, "BRL": 2, "HUF": 2, "TWD": 2,
		"JPY": 0, "KRW": 0, "VND": 0, "ISK": 0, "CLP": 0, "PYG": 0, "UGX": 0, "XAF": 0, "XOF": 0, "XPF": 0, "UYI": 0,
		"BIF": 0, "DJF": 0, "GNF": 0, "KMF": 0, "RWF": 0, "VUV": 0,
		"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
		"CLF": 4, "UYW": 4,
		// Those that Unicode's data gives no decimals.
		"AFN": 2, "ALL": 2, "COP": 2, "IDR": 2, "IRR": 2, "KPW": 2, "LAK": 2, "LBP": 2, "MGA": 2, "MMK": 2,
		"PKR": 2, "RSD": 2, "SOS": 2, "SYP": 2, "TZS": 2, "YER": 2,
		// Young ones.
		"MRU": 2, "SLE": 2, "STN": 2, "VED": 2, "VES": 2, "XCG": 2, "ZWG": 2,
	} {
		if got, known := digitsOf(currency); !known || got != want {
			t.Errorf("%s has %d decimals (known: %t), want %d", currency, got, known, want)
		}
	}
	for _, currency := range []string{"", "usd", "Usd", "US", "USDX", "XXX", "ABC", "$"} {
		if _, known := digitsOf(currency); known {
			t.Errorf("%q is known", currency)
		}
	}
}

func TestParseAmountReturnsMinorUnits(t *testing.T) {
	for _, c := range []struct {
		amount, currency string
		want             int64
	}{
		{"5.00", "USD", 500},
		{"5", "USD", 500},
		{"5.5", "USD", 550},
		{"0.01", "USD", 1},
		{"500", "JPY", 500},
		{"1.234", "KWD", 1234},
		{"1.2345", "CLF", 12345},
		{"20", "RSD", 2000},
		{"92233720368547758.07", "USD", math.MaxInt64},
	} {
		if got, err := ParseAmount(c.amount, c.currency); err != nil || got != c.want {
			t.Errorf("ParseAmount(%q, %q) = %d, %v; want %d", c.amount, c.currency, got, err, c.want)
		}
	}
}

func TestParseAmountSaysWhatIsAllowed(t *testing.T) {
	for _, c := range []struct{ amount, currency, want string }{
		{"5.00", "ABC", `currency "ABC" is not known: must be an ISO 4217 code such as USD`},
		{"5.00", "usd", `currency "usd" is not known: must be an ISO 4217 code such as USD`},
		{"5.001", "USD", `amount "5.001" has more decimals than USD, which has at most 2`},
		{"5.000", "USD", `amount "5.000" has more decimals than USD, which has at most 2`},
		{"5.0", "JPY", `amount "5.0" has more decimals than JPY, which has none`},
		{"0.00", "USD", `amount "0.00" is not above zero: the least amount of USD is 0.01`},
		{"0", "JPY", `amount "0" is not above zero: the least amount of JPY is 1`},
		{"92233720368547758.08", "USD", `amount "92233720368547758.08" is too large: the largest amount of USD is 92233720368547758.07`},
		{"-5", "USD", `amount "-5" must be a plain decimal number such as "5.00": digits, and a point between digits`},
		{"5,00", "USD", `amount "5,00" must be a plain decimal number such as "5.00": digits, and a point between digits`},
		{strings.Repeat("9", 65), "USD", `amount "9999999999999999"… is too long: must be a decimal number of at most 64 characters`},
	} {
		_, err := ParseAmount(c.amount, c.currency)
		if err == nil || err.Error() != c.want {
			t.Errorf("ParseAmount(%q, %q): %v\nwant %s", c.amount, c.currency, err, c.want)
		}
	}
	for _, amount := range []string{"", ".", ".5", "5.", "1e3", "+5", "0x10", "1_000", " 5", "5 ", "1.2.3", "NaN", "Inf", "½", "5\x00"} {
		if got, err := ParseAmount(amount, "USD"); err == nil {
			t.Errorf("ParseAmount(%q) = %d, want an error", amount, got)
		}
	}
}

func TestFormatAmountHasTheCurrencysDecimals(t *testing.T) {
	for _, c := range []struct {
		minor    int64
		currency string
		want     string
	}{
		{500, "USD", "5.00"},
		{5, "USD", "0.05"},
		{0, "USD", "0.00"},
		{-500, "USD", "-5.00"},
		{-5, "USD", "-0.05"},
		{500, "JPY", "500"},
		{1, "KWD", "0.001"},
		{100, "PTS", "100"}, // points of a shop's own
		{math.MaxInt64, "USD", "92233720368547758.07"},
		{math.MinInt64, "USD", "-92233720368547758.08"},
	} {
		if got := FormatAmount(c.minor, c.currency); got != c.want {
			t.Errorf("FormatAmount(%d, %s) = %q, want %q", c.minor, c.currency, got, c.want)
		}
		if got := FormatSum(big.NewInt(c.minor), c.currency); got != c.want {
			t.Errorf("FormatSum(%d, %s) = %q, want %q", c.minor, c.currency, got, c.want)
		}
	}
	sum := new(big.Int).Exp(big.NewInt(10), big.NewInt(37), nil)
	if got, want := FormatSum(sum, "USD"), "1"+strings.Repeat("0", 35)+".00"; got != want {
		t.Errorf("FormatSum(10^37) = %q, want %q", got, want)
	}
}

// What is accepted is above zero and formats to the same number.
func FuzzParseAmount(f *testing.F) {
	for _, amount := range []string{"5.00", "0.01", "92233720368547758.07", "92233720368547758.08", "-5", "1e3", "5,00", "00.10", "", "."} {
		for _, currency := range []string{"USD", "JPY", "KWD", "CLF", "ABC"} {
			f.Add(amount, currency)
		}
	}
	f.Fuzz(func(t *testing.T, amount, currency string) {
		minor, err := ParseAmount(amount, currency)
		if err != nil {
			return
		}
		if minor <= 0 {
			t.Fatalf("ParseAmount(%q, %q) = %d", amount, currency, minor)
		}
		written := FormatAmount(minor, currency)
		want, _ := new(big.Rat).SetString(amount)
		got, ok := new(big.Rat).SetString(written)
		if !ok || got.Cmp(want) != 0 {
			t.Fatalf("%q of %s was read as %d and written as %q", amount, currency, minor, written)
		}
		if again, err := ParseAmount(written, currency); err != nil || again != minor {
			t.Fatalf("%q was read as %d, %v; want %d", written, again, err, minor)
		}
	})
}
