package reward

import money "github.com/Rhymond/go-money"

// KnownCurrency reports whether ISO 4217 has a currency of this code. There are fewer than 200.
func KnownCurrency(code string) bool {
	_, known := digitsOf(code)
	return known
}

// digitsOf returns how many decimals a currency has by ISO 4217, and whether the currency is known.
//
// Shops keep ISO's minor units. Unicode's data (golang.org/x/text/currency) is about how prices are
// shown: it gives RSD, IDR, IRR and PKR no decimals where ISO gives two, which would be wrong by a
// factor of 100. The table of go-money is ISO's for every currency in circulation; alsoISO adds the
// codes that it lacks.
func digitsOf(currency string) (digits int, known bool) {
	if digits, known = alsoISO[currency]; known {
		return digits, true
	}
	// GetCurrency reads any case; a code is three capital letters.
	if c := money.GetCurrency(currency); c != nil && c.Code == currency {
		return c.Fraction, true
	}
	return 0, false
}

// alsoISO are the codes of ISO 4217 that go-money 1.0.15 does not know: two new currencies and the
// units of account that have decimals.
var alsoISO = map[string]int{
	"BOV": 2,
	"CHE": 2,
	"CHW": 2,
	"COU": 2,
	"MXV": 2,
	"USN": 2,
	"UYI": 0,
	"UYW": 4,
	"VED": 2,
	"XAD": 2,
	"ZWG": 2,
}
