package postgres_test

import (
	"testing"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestTextIsUTF8WhateverTheEncodingOfTheRole(t *testing.T) {
	own := testworld.NewDatabase(t)
	own.MakeHostile(t, own.Operator, "client_encoding = 'LATIN1'")
	pooler := testworld.NewPooler(t, own)
	for name, uri := range map[string]string{"directly": own.URI, "through a pooler": pooler.URI} {
		t.Run(name, func(t *testing.T) {
			db := open(t, uri, postgres.DefaultSchema)
			const text = "józef, 日本" // 9 characters
			for range 5 {            // on several connections of the pooler
				var got string
				var length int
				testworld.Must(t, db.QueryRow(t.Context(), "SELECT $1::text, length($1::text)", text).Scan(&got, &length))
				if got != text || length != 9 {
					t.Errorf("%q of %d characters", got, length)
				}
				testworld.Must(t, db.QueryBare(t.Context(), "SELECT chr(321)").Scan(&got)) // LATIN1 lacks it
				if got != "Ł" {
					t.Errorf("%q", got)
				}
			}
		})
	}
}
