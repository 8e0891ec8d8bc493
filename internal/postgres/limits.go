package postgres

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
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
	// describe statements; the driver keeps at most so many of these (descriptions).
	keptMessageBytes = 16 << 10
	descriptions     = 128

	// keptBytes bounds the parameters that a server reports and the types that it names over the life
	// of a connection. Postgres reports some twenty short parameters. The overheads are about what a
	// parameter or type takes beside its bytes.
	keptBytes         = 64 << 10
	parameterOverhead = 128
	typeOverhead      = 512

	// scramIterations bounds the iterations of SCRAM in which a connection derives a key from the password,
	// which no context interrupts: it is some 25 ms. Postgres' default is 4096.
	scramIterations = 100_000

	// attemptIterations bounds those of all connections of one attempt to connect: it tries each address
	// of each host, with TLS and without.
	attemptIterations = 4 * scramIterations

	// attemptCertificates bounds the certificates that are verified in one attempt to connect. Each
	// counts as countedCertificate bytes at least and takes up to 1 + sameSubject checks of a signature,
	// which no context interrupts. A check takes up to 2 ms, with 8192 bits of RSA, so all of them take
	// less than a second. Postgres sends two to four certificates of some 1.5 KiB each.
	attemptCertificates = 128 << 10
	countedCertificate  = 2 << 10

	// probeBytes bounds each message until the server has answered a ping, and while CheckServer finds
	// out what it is: any number of databases may be connecting at a time, and nothing bounds what all
	// of them hold. Before, in a login, otherMessageBytes bounds each.
	probeBytes = 16 << 10

	// loginBytes bounds everything that a server sends until a connection is ready.
	loginBytes = 1 << 20

	// readBytes bounds everything that a server sends while a connection is acquired from the pool
	// once. It is more than the engine reads for its largest referee.
	readBytes = 96 << 20

	// bareBytes bounds everything that a server sends for one statement of QueryBare.
	bareBytes = 1 << 20

	// countedBytes is what a shorter message counts: handling it takes processor time.
	countedBytes = 64

	// countedRecord is what a shorter record of TLS counts: one that says that the server uses another
	// key has 27 bytes, and takes as much processor time as 16 short messages.
	countedRecord = 1 << 10

	// writingBytes bounds the buffers of what a server sends while a statement is being sent to it,
	// until the connection is acquired again. If sending takes long the driver reads meanwhile, and
	// keeps a buffer of bufferBytes for each read, however little was read.
	writingBytes = 16 << 20
	bufferBytes  = 8 << 10

	// rowsBytes bounds all rows of a statement whose caller keeps them: their values, the elements of
	// arrays, and rowBytes for what a row takes in memory beside them.
	rowsBytes = 16 << 20
	rowBytes  = 64
)

// errTooMuch means that the server sent more than one use of a connection may take.
var errTooMuch = errors.New("the server sends more than is accepted")

// limitReading lets the connection read so many bytes from now on, and up to writingBytes of buffers
// while it writes. It ends the limits of a login and of probe.
func limitReading(connection *pgx.Conn, bytes int64) {
	connection.PgConn().Frontend().SetMaxBodyLen(0) // inspector bounds each message
	if w := watchedOf(connection.PgConn().Conn()); w != nil {
		w.remaining.Store(bytes)
		w.buffers.Store(writingBytes)
	}
}

// watchedOf returns what is below a connection of the driver.
func watchedOf(conn any) *watched {
	if encrypted, ok := conn.(*tls.Conn); ok {
		conn = encrypted.NetConn()
	}
	w, _ := conn.(*watched)
	return w
}

// probe runs a function with a connection on which no message may have more than probeBytes.
func (db *DB) probe(ctx context.Context, do func(*pgxpool.Conn) error) error {
	acquiring, acquired := db.awaitConnection(ctx)
	connection, err := db.pool.Acquire(acquiring)
	acquired()
	if err != nil {
		return db.names.clean(err)
	}
	defer connection.Release()
	connection.Conn().PgConn().Frontend().SetMaxBodyLen(probeBytes)
	return do(connection)
}

// read counts bytes that were read. It returns an error once they exceed a limit. Nothing else
// would end a write that the server does not read, so it closes the connection then.
func (c *watched) read(data []byte) error {
	counted, buffers := len(data), max(len(data), bufferBytes)
	if c.encrypted {
		var short int
		buffers, short = c.records.begin(data)
		counted += short
	}
	if c.writing.Load() && len(data) > 0 && c.buffers.Add(-int64(buffers)) < 0 {
		c.remaining.Store(-1)
		_ = c.Close()
	}
	if c.remaining.Add(-int64(counted)) < 0 {
		return errTooMuch
	}
	return nil
}

// records finds the records of a TLS stream. A read of the driver returns no more than one record,
// which may have a single byte. They are found here, below TLS, since the driver binds a login to
// the TLS connection (channel binding) only if nothing is wrapped around that.
type records struct {
	header []byte // of the record that begins, as far as it has arrived
	body   int    // bytes of the current record that have not arrived
}

// begin returns, of the records that begin in data, which follows what came before, the bytes of
// buffers, and the bytes that they lack to countedRecord each.
func (r *records) begin(data []byte) (buffers, short int) {
	for len(data) > 0 {
		if r.body > 0 {
			n := min(r.body, len(data))
			r.body, data = r.body-n, data[n:]
			continue
		}
		n := min(recordHeaderBytes-len(r.header), len(data))
		r.header, data = append(r.header, data[:n]...), data[n:]
		if len(r.header) == recordHeaderBytes {
			r.body = int(binary.BigEndian.Uint16(r.header[recordHeaderBytes-2:]))
			r.header = r.header[:0]
			buffers += max(r.body, bufferBytes)
			short += max(0, countedRecord-recordHeaderBytes-r.body)
		}
	}
	return buffers, short
}

// recordHeaderBytes are the type, the version and the length of a record.
const recordHeaderBytes = 5
