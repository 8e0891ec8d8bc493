package testworld

import (
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
)

// Answers is a server that answers statements with rows which no Postgres computes. A statement
// that contains a key is answered with the row of its values, and every other one with no row.
type Answers map[string][]any

// Serve serves every connection until the test ends, and returns a URI.
func (a Answers) Serve(t testing.TB) string {
	t.Helper()
	return serve(t, func(conn net.Conn) error {
		session := answersSession{answers: a, backend: pgproto3.NewBackend(conn, conn), status: 'I'}
		return session.run()
	})
}

// answersSession is one connection to Answers.
type answersSession struct {
	answers Answers
	backend *pgproto3.Backend
	status  byte // of the transaction

	// Of the statement that was parsed last.
	parameters int
	row        []any // nil: none
}

func (s *answersSession) run() error {
	if _, err := s.backend.ReceiveStartupMessage(); err != nil {
		return err
	}
	s.backend.Send(&pgproto3.AuthenticationOk{})
	s.backend.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
	s.backend.Send(&pgproto3.ReadyForQuery{TxStatus: s.status})
	for {
		if err := s.backend.Flush(); err != nil {
			return err
		}
		message, err := s.backend.Receive()
		if err != nil {
			return err
		}
		if err := s.respond(message); err != nil {
			return err
		}
	}
}

// parameter matches a parameter of a statement.
var parameter = regexp.MustCompile(`\$[0-9]+`)

func (s *answersSession) respond(message pgproto3.FrontendMessage) error {
	switch message := message.(type) {
	case *pgproto3.Query:
		s.status = 'I'
		if strings.HasPrefix(strings.ToLower(message.String), "begin") {
			s.status = 'T'
		}
		s.backend.Send(&pgproto3.CommandComplete{})
		s.backend.Send(&pgproto3.ReadyForQuery{TxStatus: s.status})
	case *pgproto3.Parse:
		s.parse(message.Query)
		s.backend.Send(&pgproto3.ParseComplete{})
	case *pgproto3.Describe:
		if message.ObjectType == 'S' {
			s.backend.Send(&pgproto3.ParameterDescription{ParameterOIDs: make([]uint32, s.parameters)})
		}
		s.describeRow()
	case *pgproto3.Bind:
		s.backend.Send(&pgproto3.BindComplete{})
	case *pgproto3.Execute:
		if err := s.sendRow(); err != nil {
			return err
		}
		s.backend.Send(&pgproto3.CommandComplete{})
	case *pgproto3.Sync:
		s.backend.Send(&pgproto3.ReadyForQuery{TxStatus: s.status})
	}
	return nil
}

func (s *answersSession) parse(statement string) {
	names := parameter.FindAllString(statement, -1)
	slices.Sort(names)
	s.parameters, s.row = len(slices.Compact(names)), nil
	for part, row := range s.answers {
		if strings.Contains(statement, part) {
			s.row = row
		}
	}
}

// columnTypes knows the type of each value of a row.
var columnTypes = pgtype.NewMap()

func (s *answersSession) describeRow() {
	if s.row == nil {
		s.backend.Send(&pgproto3.NoData{})
		return
	}
	var fields []pgproto3.FieldDescription
	for _, value := range s.row {
		field := pgproto3.FieldDescription{Name: []byte("answer"), TypeModifier: -1}
		if known, ok := columnTypes.TypeForValue(value); ok {
			field.DataTypeOID = known.OID
		}
		fields = append(fields, field)
	}
	s.backend.Send(&pgproto3.RowDescription{Fields: fields})
}

func (s *answersSession) sendRow() error {
	if s.row == nil {
		return nil
	}
	var row pgproto3.DataRow
	for _, value := range s.row {
		text, err := columnTypes.Encode(0, pgtype.TextFormatCode, value, nil)
		if err != nil {
			return err
		}
		row.Values = append(row.Values, text)
	}
	s.backend.Send(&row)
	return nil
}
