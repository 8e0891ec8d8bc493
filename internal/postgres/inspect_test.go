package postgres_test

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// A server that stays within what one use may read must not fill a connection over many uses.
func TestConnectionKeepsBoundedMemoryOverManyUses(t *testing.T) {
	filler := strings.Repeat("x", 60_000)
	for name, test := range map[string]struct {
		times  int // in each use
		beside func(int) pgproto3.BackendMessage
	}{
		"long parameters": {30, func(int) pgproto3.BackendMessage {
			return &pgproto3.ParameterStatus{Name: rand.Text(), Value: filler[:15_000]}
		}},
		"short parameters": {3000, func(int) pgproto3.BackendMessage { return &pgproto3.ParameterStatus{Name: rand.Text()} }},
		"notifications": {8, func(int) pgproto3.BackendMessage {
			return &pgproto3.NotificationResponse{Channel: "c", Payload: filler}
		}},
		"notices": {8, func(int) pgproto3.BackendMessage { return &pgproto3.NoticeResponse{Message: filler} }},
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, uriOf(listen(t, func(c io.ReadWriter) error {
				return answeringPings(c, test.times, test.beside)
			})), postgres.DefaultSchema)
			if kept := kept(func() {
				for range 200 {
					if err := db.Ping(t.Context()); err != nil {
						break
					}
				}
			}); kept > 16<<20 {
				t.Errorf("%d MiB are kept", kept>>20)
			}
		})
	}
}

// Since Postgres 18 a server reports the search_path whenever a transaction sets it.
func TestParametersMayBeRepeatedWithoutEnd(t *testing.T) {
	db := open(t, uriOf(listen(t, func(c io.ReadWriter) error {
		return answeringPings(c, 10_000, func(n int) pgproto3.BackendMessage {
			return &pgproto3.ParameterStatus{Name: "search_path", Value: fmt.Sprintf("pg_catalog, pg_temp%d", n%2)}
		})
	})), postgres.DefaultSchema)
	for range 5 {
		if err := db.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// The driver keeps the descriptions of 128 statements, and how to encode each type.
func TestDescriptionsOfStatementsTakeBoundedMemory(t *testing.T) {
	row := func(columns int) func(int) []pgproto3.BackendMessage {
		fields := make([]pgproto3.FieldDescription, columns)
		for n := range fields {
			fields[n] = pgproto3.FieldDescription{Name: fmt.Appendf(nil, "column %05d", n), DataTypeOID: 25, DataTypeSize: -1}
		}
		return func(int) []pgproto3.BackendMessage {
			return []pgproto3.BackendMessage{&pgproto3.ParameterDescription{ParameterOIDs: []uint32{23}}, &pgproto3.RowDescription{Fields: fields}}
		}
	}
	for name, test := range map[string]struct {
		describe func(use int) []pgproto3.BackendMessage
		givenUp  bool
	}{
		"500 columns":    {row(500), false},
		"60,000 columns": {row(60_000), true},
		"fresh types": {func(use int) []pgproto3.BackendMessage {
			return []pgproto3.BackendMessage{&pgproto3.ParameterDescription{ParameterOIDs: []uint32{1<<20 + uint32(use)}}, &pgproto3.NoData{}}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, uriOf(listen(t, func(c io.ReadWriter) error { return describing(c, test.describe) })), postgres.DefaultSchema)
			var err error
			if kept := kept(func() {
				for n := 0; n < 200 && err == nil; n++ {
					err = db.QueryBare(t.Context(), fmt.Sprintf("SELECT %d + $1", n), 1).Scan(new(int))
					if errors.Is(err, pgx.ErrNoRows) { // all that this server answers
						err = nil
					}
				}
			}); kept > 16<<20 {
				t.Errorf("%d MiB are kept", kept>>20)
			}
			if test.givenUp != (err != nil) || err != nil && !strings.Contains(err.Error(), "more than is accepted") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// The iterations of SCRAM cost processor time that no context interrupts.
func TestServerMayOrderOnlySoManyRoundsOfSCRAM(t *testing.T) {
	const few = 1000
	for name, test := range map[string]struct {
		iterations []int // of each login that the server asks for
		slowly     bool  // the server's bytes arrive one by one
		refused    bool
	}{
		"Postgres' default":             {iterations: []int{4096}},
		"one byte at a time":            {iterations: []int{4096}, slowly: true},
		"ten million":                   {iterations: []int{10_000_000}, refused: true},
		"ten million, a byte at a time": {iterations: []int{10_000_000}, slowly: true, refused: true},
		"one too many":                  {iterations: []int{100_001}, refused: true},
		"too many in several logins":    {iterations: []int{few, 99_001}, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			completed := make(chan int, 10)
			address := listen(t, func(c io.ReadWriter) error {
				if test.slowly {
					c = slow{c}
				}
				return loggingIn(c, test.iterations, completed)
			})
			db, err := postgres.Open(t.Context(), postgres.Config{URI: uriOf(address), Schema: postgres.DefaultSchema})
			if !test.refused {
				if err != nil {
					t.Fatal(err)
				}
				db.Close()
				return
			}
			if err == nil {
				db.Close()
				t.Fatal("no error")
			}
			if got := postgres.Classify(err); got != postgres.ClassUnreachable {
				t.Errorf("%v is %s", err, got)
			}
			if message := postgres.Message(err); !strings.Contains(message, "too many iterations of SCRAM") || !strings.Contains(message, "scram_iterations") {
				t.Errorf("the message is %q", message)
			}
			if got := len(completed); got != len(test.iterations)-1 {
				t.Errorf("%d logins were computed", got)
			}
		})
	}
}

// An attempt to connect tries each address of each host.
func TestServersOfOneAttemptMayOrderOnlySoManyRoundsOfSCRAM(t *testing.T) {
	const each, hosts = 90_000, 8
	computed := make(chan int, hosts)
	addresses := make([]string, hosts)
	for n := range addresses {
		addresses[n] = listen(t, func(c io.ReadWriter) error {
			backend := pgproto3.NewBackend(c, c)
			if _, err := backend.ReceiveStartupMessage(); err != nil {
				return err
			}
			err := scram(backend, each)
			if err == nil {
				computed <- each
			}
			return err
		})
	}
	_, err := postgres.Open(t.Context(), postgres.Config{URI: uriOf(strings.Join(addresses, ",")), Schema: postgres.DefaultSchema})
	if err == nil || !strings.Contains(postgres.Message(err), "of all hosts together") {
		t.Errorf("error %v", err)
	}
	if got := len(computed); got != 4 {
		t.Errorf("%d logins were computed", got)
	}
}

// Each message takes processor time, however short it is.
func TestServerMayNotSendShortMessagesWithoutEnd(t *testing.T) {
	queryBare := func(db *postgres.DB) error { return db.QueryBare(t.Context(), "SELECT 1").Scan(new(int)) }
	queryRow := func(db *postgres.DB) error { return db.QueryRow(t.Context(), "SELECT 1").Scan(new(int)) }
	for _, test := range []struct {
		query    func(*postgres.DB) error
		notices  int
		accepted bool
	}{
		{queryBare, 3_000, true}, {queryBare, 6_000, false}, // at each of its four statements
		{queryRow, 20_000, true}, {queryRow, 1_600_000, false},
	} {
		notices := slices.Repeat([]pgproto3.BackendMessage{&pgproto3.NoticeResponse{}}, test.notices)
		db := open(t, uriOf(listen(t, func(c io.ReadWriter) error {
			return valued(c, pgtype.Int4OID, 1, []byte{0, 0, 0, 1}, notices...)
		})), postgres.DefaultSchema)
		err := test.query(db)
		if test.accepted != (err == nil) || err != nil && !strings.Contains(err.Error(), "more than is accepted") {
			t.Errorf("%d notices: %v", test.notices, err)
		}
	}
}

func uriOf(address string) string {
	return "postgres://shop:s3cr3t@" + address + "/shop?sslmode=disable"
}

// kept returns how many bytes of the heap are in use after do that were not before.
func kept(do func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	do()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

// answeringPings lets any user in, and sends so many messages beside the answer to each ping but
// the first.
func answeringPings(c io.ReadWriter, times int, beside func(int) pgproto3.BackendMessage) error {
	if err := login(c); err != nil {
		return err
	}
	backend := pgproto3.NewBackend(c, c)
	for first := true; ; first = false {
		received, err := backend.Receive()
		if err != nil {
			return err
		}
		if _, ok := received.(*pgproto3.Terminate); ok {
			return nil
		}
		for n := 0; n < times && !first; n++ {
			backend.Send(beside(n))
		}
		backend.Send(&pgproto3.EmptyQueryResponse{})
		backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		if err := backend.Flush(); err != nil {
			return err
		}
	}
}

// describing lets any user in, describes each statement of one parameter, and answers it without
// rows.
func describing(c io.ReadWriter, describe func(use int) []pgproto3.BackendMessage) error {
	if err := login(c); err != nil {
		return err
	}
	backend := pgproto3.NewBackend(c, c)
	parameters := false // of the statement that was parsed last
	for use := 0; ; {
		received, err := backend.Receive()
		if err != nil {
			return err
		}
		switch message := received.(type) {
		case *pgproto3.Query:
			backend.Send(&pgproto3.EmptyQueryResponse{})
			backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		case *pgproto3.Parse:
			parameters = strings.Contains(message.Query, "$1")
			backend.Send(&pgproto3.ParseComplete{})
		case *pgproto3.Describe:
			switch {
			case message.ObjectType == 'P':
				backend.Send(&pgproto3.NoData{})
			case !parameters:
				backend.Send(&pgproto3.ParameterDescription{})
				backend.Send(&pgproto3.NoData{})
			default:
				use++
				for _, description := range describe(use) {
					backend.Send(description)
				}
			}
		case *pgproto3.Bind:
			backend.Send(&pgproto3.BindComplete{})
		case *pgproto3.Execute:
			backend.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 0")})
		case *pgproto3.Sync:
			backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		case *pgproto3.Terminate:
			return nil
		}
		if err := backend.Flush(); err != nil {
			return err
		}
	}
}

// slow delivers what is written one byte at a time.
type slow struct{ io.ReadWriter }

func (s slow) Write(text []byte) (int, error) {
	for n := range text {
		if _, err := s.ReadWriter.Write(text[n : n+1]); err != nil {
			return n, err
		}
		time.Sleep(time.Millisecond / 4)
	}
	return len(text), nil
}

// loggingIn asks for a login by SCRAM with each number of iterations, and then answers pings.
func loggingIn(c io.ReadWriter, iterations []int, completed chan<- int) error {
	backend := pgproto3.NewBackend(c, c)
	if _, err := backend.ReceiveStartupMessage(); err != nil {
		return err
	}
	for _, n := range iterations {
		if err := scram(backend, n); err != nil {
			return err
		}
		completed <- n
	}
	backend.Send(&pgproto3.AuthenticationOk{})
	backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	for {
		if err := backend.Flush(); err != nil {
			return err
		}
		if _, err := backend.Receive(); err != nil {
			return err
		}
		backend.Send(&pgproto3.EmptyQueryResponse{})
		backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	}
}

// scram is one exchange with the user of uriOf, up to the proof that the server knows the password.
func scram(backend *pgproto3.Backend, iterations int) error {
	send := func(message pgproto3.BackendMessage, expect uint32) error {
		backend.Send(message)
		if err := backend.Flush(); err != nil {
			return err
		}
		return backend.SetAuthType(expect)
	}
	if err := send(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256"}}, pgproto3.AuthTypeSASL); err != nil {
		return err
	}
	received, err := backend.Receive()
	if err != nil {
		return err
	}
	first, ok := received.(*pgproto3.SASLInitialResponse)
	if !ok {
		return io.ErrUnexpectedEOF
	}
	clientFirst := strings.TrimPrefix(string(first.Data), "n,,")
	_, nonce, _ := strings.Cut(clientFirst, "r=")
	salt := []byte("salt of a server")
	serverFirst := fmt.Sprintf("r=%sabc,s=%s,i=%d", nonce, base64.StdEncoding.EncodeToString(salt), iterations)
	if err := send(&pgproto3.AuthenticationSASLContinue{Data: []byte(serverFirst)}, pgproto3.AuthTypeSASLContinue); err != nil {
		return err
	}
	if received, err = backend.Receive(); err != nil {
		return err
	}
	final, ok := received.(*pgproto3.SASLResponse)
	if !ok {
		return io.ErrUnexpectedEOF
	}
	clientFinal, _, _ := strings.Cut(string(final.Data), ",p=")
	salted, err := pbkdf2.Key(sha256.New, "s3cr3t", salt, iterations, sha256.Size)
	if err != nil {
		return err
	}
	sign := func(key []byte, text string) []byte {
		mac := hmac.New(sha256.New, key)
		_, _ = io.WriteString(mac, text)
		return mac.Sum(nil)
	}
	signature := sign(sign(salted, "Server Key"), clientFirst+","+serverFirst+","+clientFinal)
	backend.Send(&pgproto3.AuthenticationSASLFinal{Data: []byte("v=" + base64.StdEncoding.EncodeToString(signature))})
	return backend.Flush()
}
