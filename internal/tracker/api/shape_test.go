package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/tracker/api"
)

func TestSizeOfAttributesIsThatOfTheTextPostgresWrites(t *testing.T) {
	w := newWorld(t)
	for _, text := range []string{
		`{}`, `{"a": 1}`, `{"a": -1, "bc": [], "d": {}}`, `[[], [[]], [1, 2], {"": {}}]`,
		`true`, `false`, `null`, `[true, false, null]`,
		`"\b\t\n\f\r\"\\\/"`, `"\u0001\u000b\u000e\u001f\u007f"`, `"é€😀\u00e9\ud83d\ude00"`, `{"\u000b": "\n"}`,
		`0`, `-0`, `0.0`, `-0.0`, `0.00`, `12345678901234567890`, `-12345678901234567890`, `1.50`, `-1.5`,
		`1e7`, `1E+7`, `1e-7`, `-1e-7`, `1.5e1`, `1.5e3`, `15e-1`, `150e-2`, `-15.25e-1`, `123.456e1`,
		`0.001e2`, `0.001e3`, `0.001e5`, `-0.0012e3`, `1e300`, `5e-324`, `100e-300`, `1e007`,
		`0e5`, `0e-5`, `-0e-5`, `0.00e3`, `0.00e1`, `-0.000e-2`, `0e999`, `0e-999`,
	} {
		tree, err := api.Parse([]byte(text))
		testworld.Must(t, err)
		var want int
		testworld.Must(t, w.operator.QueryRow(t.Context(), "SELECT octet_length($1::jsonb::text)", text).Scan(&want))
		if got := api.Written(tree); got != want {
			t.Errorf("%s: %d bytes, Postgres writes %d", text, got, want)
		}
	}
}

func TestSmallNumbersInAttributesAreCountedAsTheyAreWritten(t *testing.T) {
	w := newWorld(t)
	w.post(purchases, purchase(`attributes={"a": [1e-7`+strings.Repeat(",1e-7", 199)+`]}`), http.StatusCreated)
}
