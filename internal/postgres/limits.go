package postgres

import (
	"crypto/tls"
	"errors"

	"github.com/jackc/pgx/v5"
)

// A tenant's database is a server that this process must not trust. Time is bounded by the contexts
// of its callers; these bound the memory and the processor time that its answers take.
const (
	// messageBytes bounds one row. The driver allocates what a message announces before it has
	// arrived.
	messageBytes = 4 << 20

	// otherMessageBytes bounds each other message, such as an error. The driver holds the last
	// message of each kind.
	otherMessageBytes = 256 << 10

	// keptMessageBytes bounds each message that the driver keeps for the life of a connection. Most
	// are descriptions of statements, of which it keeps descriptions.
	keptMessageBytes = 16 << 10
	descriptions     = 128

	// keptBytes bounds the parameters that a server reports and the types that it names over the life
	// of a connection. Postgres reports some twenty short parameters. The overheads are about what a
	// parameter or type takes beside its bytes.
	keptBytes         = 64 << 10
	parameterOverhead = 128
	typeOverhead      = 512

	// scramRounds bounds the rounds of SCRAM in which a connection derives a key from the password,
	// which no context interrupts: it is some 25 ms. Postgres' default is 4096.
	scramRounds = 100_000

	// loginBytes bounds everything that a server sends until a connection is ready.
	loginBytes = 1 << 20

	// readBytes bounds everything that a server sends while a connection is acquired from the pool
	// once. It is more than the engine reads for its largest referee.
	readBytes = 96 << 20

	// rowsBytes bounds all rows of a statement whose caller keeps them: their values, and rowBytes for
	// what a row takes in memory beside them.
	rowsBytes = 16 << 20
	rowBytes  = 64
)

// errTooMuch means that the server sent more than one use of a connection may take.
var errTooMuch = errors.New("the server sends more than is accepted")

// limitReading lets the connection read up to readBytes from now on.
func limitReading(connection *pgx.Conn) {
	conn := connection.PgConn().Conn()
	if encrypted, ok := conn.(*tls.Conn); ok {
		conn = encrypted.NetConn()
	}
	if w, ok := conn.(*watched); ok {
		w.remaining.Store(readBytes)
	}
}

// read counts bytes that were read. It returns an error once they exceed the limit.
func (c *watched) read(n int) error {
	if c.remaining.Add(-int64(n)) < 0 {
		return errTooMuch
	}
	return nil
}
