package postgres_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"unicode"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// hostileWords are what a server may say about user "shopkeeper" of database "shopdata".
var hostileWords = "password \x1b[31mfor\x00 \"shopkeeper\"\r\n at\u202e shopdata\u2028is wrong" + strings.Repeat(" and more", 5_000)

func TestWordsOfAServerArePlainCutAndNameNeitherUserNorDatabase(t *testing.T) {
	refusal := func(code string) *pgproto3.ErrorResponse {
		return &pgproto3.ErrorResponse{Severity: "FATAL\x1b", SeverityUnlocalized: "FATAL", Code: code, Message: hostileWords, Hint: hostileWords, Detail: hostileWords}
	}
	afterLogin := func(begin bool) func(io.ReadWriter) error {
		return func(c io.ReadWriter) error { return refusing(c, begin, refusal("42501")) }
	}
	for name, serve := range map[string]func(io.ReadWriter) error{
		"a refused password": func(c io.ReadWriter) error { return refusingLogin(c, refusal("28P01")) },
		"no such database":   func(c io.ReadWriter) error { return refusingLogin(c, refusal("3D000")) },
		"an unknown code":    func(c io.ReadWriter) error { return refusingLogin(c, refusal("XX000")) },
		"a code of words":    func(c io.ReadWriter) error { return refusingLogin(c, refusal("shopkeeper\x1b")) },
		"no transaction":     afterLogin(true),
		"no statement":       afterLogin(false),
	} {
		t.Run(name, func(t *testing.T) {
			address := listen(t, serve)
			db, err := postgres.Open(t.Context(), postgres.Config{
				URI: "postgres://shopkeeper:s3cr3t@" + address + "/shopdata?sslmode=disable", Schema: postgres.DefaultSchema,
			})
			errs := []error{err}
			if err == nil {
				defer db.Close()
				errs = useEveryWay(t.Context(), db)
			}
			for _, err := range errs {
				if err == nil {
					t.Fatal("no error")
				}
				message := postgres.Message(err)
				if len(message) > 700 {
					t.Errorf("a message of %d bytes", len(message))
				}
				for _, text := range []string{message, strings.ReplaceAll(err.Error(), "\n", " ")} {
					if at := strings.IndexFunc(text, unplain); at >= 0 {
						t.Errorf("%q has %q", text[:min(200, len(text))], text[at:min(len(text), at+4)])
					}
					for _, part := range []string{"shopkeeper", "shopdata", "s3cr3t"} {
						if strings.Contains(text, part) {
							t.Errorf("%q contains %q", text[:min(200, len(text))], part)
						}
					}
				}
			}
		})
	}
}

// useEveryWay returns the error of each way to use a database.
func useEveryWay(ctx context.Context, db *postgres.DB) []error {
	_, executed := db.Exec(ctx, "SELECT 1")
	rows, queried := db.Query(ctx, "SELECT 1")
	if queried == nil {
		for rows.Next() {
		}
		queried = rows.Err()
	}
	return []error{
		executed, queried,
		db.QueryRow(ctx, "SELECT 1").Scan(new(int)),
		db.QueryBare(ctx, "SELECT 1").Scan(new(int)),
		db.Snapshot(ctx, func(tx pgx.Tx) error {
			batch := new(pgx.Batch)
			batch.Queue("SELECT 1")
			return tx.SendBatch(ctx, batch).Close()
		}),
	}
}

func unplain(r rune) bool {
	return r != ' ' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Z))
}

// refusingLogin answers a login with an error.
func refusingLogin(c io.ReadWriter, refusal *pgproto3.ErrorResponse) error {
	backend := pgproto3.NewBackend(c, c)
	if _, err := backend.ReceiveStartupMessage(); err != nil {
		return err
	}
	backend.Send(refusal)
	return backend.Flush()
}

// refusing lets any user in, and refuses the beginning of a transaction or, later, each statement.
func refusing(c io.ReadWriter, begin bool, refusal *pgproto3.ErrorResponse) error {
	if err := login(c); err != nil {
		return err
	}
	backend := pgproto3.NewBackend(c, c)
	for {
		received, err := backend.Receive()
		if err != nil {
			return err
		}
		switch query := received.(type) {
		case *pgproto3.Query:
			if query.String == "SELECT 1" || begin && query.String != "-- ping" {
				backend.Send(refusal)
				backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
				break
			}
			backend.Send(&pgproto3.CommandComplete{CommandTag: []byte("BEGIN")})
			backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'T'})
		case *pgproto3.Parse:
			backend.Send(refusal)
		case *pgproto3.Sync:
			backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'E'})
		case *pgproto3.Terminate:
			return nil
		}
		if err := backend.Flush(); err != nil {
			return err
		}
	}
}

// A server may ask for the password itself, and repeat it.
func TestPasswordThatAServerRepeatsIsNotShown(t *testing.T) {
	const password = `Kq7"s3 cr3t`
	const encoded = "Kq7%22s3%20cr3t"
	for name, words := range map[string]string{
		"quoted":                         `password "` + password + `" is wrong`,
		"within a word":                  "x" + password + "x",
		"percent-encoded":                "postgres://shopkeeper:" + encoded + "@db/shopdata",
		"form-encoded":                   "password=Kq7%22s3+cr3t",
		"with backslashes":               `"Kq7\"s3 cr3t"`,
		"where the text is cut":          strings.Repeat("x", 290) + password,
		"divided by a bad byte":          "Kq7\"s3\xff cr3t",
		"divided by a control character": "Kq7\"s3\x01cr3t",
	} {
		t.Run(name, func(t *testing.T) {
			refusal := &pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: words, Hint: words}
			for route, serve := range map[string]func(io.ReadWriter) error{
				"login":     func(c io.ReadWriter) error { return refusingLogin(c, refusal) },
				"statement": func(c io.ReadWriter) error { return refusing(c, false, refusal) },
				"check":     func(c io.ReadWriter) error { return refusing(c, false, refusal) },
				"value": func(c io.ReadWriter) error {
					return answeringText(c, words)
				},
			} {
				db, err := postgres.Open(t.Context(), postgres.Config{
					URI: "postgres://shopkeeper:" + encoded + "@" + listen(t, serve) + "/shopdata?sslmode=disable", Schema: postgres.DefaultSchema,
				})
				if err == nil {
					t.Cleanup(db.Close)
					if route == "check" {
						err = db.CheckServer(t.Context())
					} else {
						err = db.QueryRow(t.Context(), "SELECT 1").Scan(new(int))
					}
				}
				if err == nil {
					t.Fatalf("%s: no error", route)
				}
				for _, shown := range []string{postgres.Message(err), err.Error()} {
					for _, part := range []string{"Kq7", "cr3t"} {
						if strings.Contains(shown, part) {
							t.Errorf("%s: %q contains %q", route, shown, part)
						}
					}
				}
			}
		})
	}
}

func TestShortPasswordIsReplacedOnlyAsAWord(t *testing.T) {
	address := listen(t, func(c io.ReadWriter) error {
		return refusingLogin(c, &pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: `password "a" is wrong again`})
	})
	_, err := postgres.Open(t.Context(), postgres.Config{URI: "postgres://shopkeeper:a@" + address + "/shopdata?sslmode=disable", Schema: postgres.DefaultSchema})
	if message := postgres.Message(err); !strings.Contains(message, `password "…" is wrong again`) {
		t.Errorf("got %q", message)
	}
}

func TestPlainCutsAtACharacter(t *testing.T) {
	if got := postgres.Plain("ääää", 6); got != "ä…" {
		t.Errorf("got %q", got)
	}
}

func TestCutReturnsAtMostAnyLimit(t *testing.T) {
	for limit, want := range map[int]string{-1: "", 0: "", 1: "", 2: "ä", 3: "…", 4: "…", 5: "ä…", 7: "ää…", 8: "ääää"} {
		if got := postgres.Cut("ääää", limit); got != want {
			t.Errorf("at %d bytes: %q, want %q", limit, got, want)
		}
	}
	if got := postgres.Cut("ab", 2); got != "ab" {
		t.Errorf("a short text: %q", got)
	}
}

// answeringText lets any user in, and answers each statement by one row of one text.
func answeringText(c io.ReadWriter, text string) error {
	if err := login(c); err != nil {
		return err
	}
	backend := pgproto3.NewBackend(c, c)
	for {
		received, err := backend.Receive()
		if err != nil {
			return err
		}
		switch query := received.(type) {
		case *pgproto3.Query:
			backend.Send(&pgproto3.CommandComplete{CommandTag: []byte("BEGIN")})
			backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'T'})
		case *pgproto3.Parse:
			backend.Send(&pgproto3.ParseComplete{})
		case *pgproto3.Describe:
			if query.ObjectType == 'S' {
				backend.Send(&pgproto3.ParameterDescription{})
			}
			// An integer in text format, named by the text too.
			backend.Send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte(strings.ToValidUTF8(text, "")), DataTypeOID: 25, DataTypeSize: -1}}})
		case *pgproto3.Bind:
			backend.Send(&pgproto3.BindComplete{})
		case *pgproto3.Execute:
			backend.Send(&pgproto3.DataRow{Values: [][]byte{[]byte(text)}})
			backend.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
		case *pgproto3.Sync:
			backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'T'})
		case *pgproto3.Terminate:
			return nil
		}
		if err := backend.Flush(); err != nil {
			return err
		}
	}
}

// What is shown is kept in statuses and logs, and counted by its bytes.
func TestShortTextKeepsNoMemoryOfALongOne(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		show func(string) string
	}{
		"plain, of spaces":   {strings.Repeat(" ", 1<<20) + "x", func(text string) string { return postgres.Plain(text, 300) }},
		"plain, cut to two":  {strings.Repeat("x", 1<<20), func(text string) string { return postgres.Plain(text, 2) }},
		"cut to two":         {strings.Repeat("x", 1<<20), func(text string) string { return postgres.Cut(text, 2) }},
		"cut to many":        {strings.Repeat("x", 1<<20), func(text string) string { return postgres.Cut(text, 300) }},
		"not as long, plain": {"x", func(text string) string { return postgres.Plain(text, 300) }},
	} {
		t.Run(name, func(t *testing.T) {
			var all []string
			if kept := kept(func() {
				for range 16 {
					all = append(all, test.show(strings.Clone(test.text)))
				}
			}); kept > 4<<20 {
				t.Errorf("%d MiB are kept for %d texts such as %q", kept>>20, len(all), all[0])
			}
		})
	}
}
