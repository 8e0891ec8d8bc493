package postgres

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgproto3"
)

// errTooManyIterations means that logging in costs more processor time than a server may ask for.
var errTooManyIterations = errors.New("the server asks for too many iterations of SCRAM")

// inspector reads what a server sends, after decryption and before the driver. Some messages cost
// the driver more than their bytes: it keeps them for the life of the connection, or computes what
// they ask for. In place of a message that exceeds a limit of limits.go, Read returns an error.
//
// A message is one byte for its kind, four for the length of the rest, and a body.
type inspector struct {
	server  *bufio.Reader
	counter *watched // counts what is read; nil in no connection of this package
	attempt *attempt
	began   bool // the first message has arrived
	unread  int  // bytes of the current message that the driver has not read

	parameters map[string]int  // bytes by name
	types      map[uint32]bool // OIDs
	kept       int             // bytes of all parameters and types
	iterations int             // of SCRAM, in all logins of this connection
}

const headerBytes = 5

// attempt is one attempt to connect, which makes connections one after the other until one is ready.
type attempt struct {
	iterations   int          // of SCRAM, in the logins of all of them
	certificates atomic.Int64 // bytes that were verified; a request to cancel a statement adds its own
}

// newFrontend makes the driver's reader and writer of the messages of a connection.
func (a *attempt) newFrontend(r io.Reader, w io.Writer) *pgproto3.Frontend {
	return pgproto3.NewFrontend(&inspector{
		counter:    watchedOf(w),
		attempt:    a,
		server:     bufio.NewReaderSize(r, headerBytes+keptMessageBytes),
		parameters: make(map[string]int),
		types:      make(map[uint32]bool),
	}, w)
}

// Read never returns bytes of two messages, so each message is inspected before its first byte is
// returned.
func (i *inspector) Read(buffer []byte) (int, error) {
	if i.unread == 0 {
		if err := i.inspect(); err != nil {
			return 0, err
		}
	}
	n, err := i.server.Read(buffer[:min(len(buffer), i.unread)])
	i.unread -= n
	return n, err
}

// checkFirst waits for the first byte. A server answers a login with an authentication request, an
// error, a notice, or another version of the protocol.
func (i *inspector) checkFirst() error {
	kind, err := i.server.Peek(1)
	switch {
	case err != nil:
		return err
	case !strings.ContainsRune("RENv", rune(kind[0])):
		return errOtherProtocol
	}
	i.began = true
	return nil
}

// inspect waits for the next message and checks it.
func (i *inspector) inspect() error {
	if !i.began {
		if err := i.checkFirst(); err != nil {
			return err
		}
	}
	header, err := i.server.Peek(headerBytes)
	if err != nil {
		return err
	}
	kind, length := header[0], binary.BigEndian.Uint32(header[1:])
	length = max(length, 4) - 4 // the length counts itself; the driver refuses one that does not
	if most := longestBody(kind); length > uint32(most) {
		return fmt.Errorf("%w: a message of kind %q has more than %d KiB", errTooMuch, kind, most>>10)
	}
	size := headerBytes + int(length)
	var check func(body []byte) error
	switch kind {
	case 'R':
		check = i.checkIterations
	case 'S':
		check = i.keepParameter
	case 't':
		check = i.keepTypes
	}
	if check != nil {
		message, err := i.server.Peek(size)
		if err != nil {
			return err
		}
		if err := check(message[headerBytes:]); err != nil {
			return err
		}
	}
	if i.counter != nil && i.counter.remaining.Add(-int64(max(0, countedBytes-size))) < 0 {
		return errTooMuch
	}
	i.unread = size
	return nil
}

// longestBody returns the most bytes of the body of a message.
func longestBody(kind byte) int {
	switch kind {
	case 'D': // a row
		return messageBytes
	case 'K', 'R', 'S', 'T', 't': // key to cancel, login, parameter, columns and parameters of a statement
		return keptMessageBytes
	default:
		return otherMessageBytes
	}
}

// keepParameter reads a ParameterStatus: a name and a value, each ended by a zero byte. The driver
// keeps the last value of each name. Servers repeat some whenever a transaction sets them.
func (i *inspector) keepParameter(body []byte) error {
	name, _, _ := bytes.Cut(body, []byte{0})
	size := len(body) + parameterOverhead
	i.kept += size - i.parameters[string(name)]
	i.parameters[string(name)] = size
	return i.checkKept()
}

// keepTypes reads a ParameterDescription: two bytes for the number of types and four for each. The
// driver keeps how to encode values of each type that it was told.
func (i *inspector) keepTypes(body []byte) error {
	for ; len(body) >= 2+4; body = body[4:] {
		if oid := binary.BigEndian.Uint32(body[2:]); !i.types[oid] {
			i.types[oid] = true
			i.kept += typeOverhead
		}
	}
	return i.checkKept()
}

func (i *inspector) checkKept() error {
	if i.kept > keptBytes {
		return fmt.Errorf("%w: its parameters and types have more than %d KiB", errTooMuch, keptBytes>>10)
	}
	return nil
}

// checkIterations reads the number of iterations of an AuthenticationSASLContinue, whose body is
// "r=nonce,s=salt,i=iterations" after its code. The driver refuses other forms.
func (i *inspector) checkIterations(body []byte) error {
	if len(body) < 4 || binary.BigEndian.Uint32(body) != pgproto3.AuthTypeSASLContinue {
		return nil
	}
	_, rest, _ := bytes.Cut(body[4:], []byte(","))
	_, last, _ := bytes.Cut(rest, []byte(","))
	if iterations, err := strconv.Atoi(string(bytes.TrimPrefix(last, []byte("i=")))); err == nil {
		iterations = max(0, min(iterations, scramIterations+1))
		i.iterations += iterations
		i.attempt.iterations += iterations
	}
	if i.iterations > scramIterations {
		return fmt.Errorf("%w: at most %d are accepted; lower its scram_iterations and set the user's password again", errTooManyIterations, scramIterations)
	}
	if i.attempt.iterations > attemptIterations {
		return fmt.Errorf("%w: at most %d are accepted of all hosts together; lower their scram_iterations and set the user's password again",
			errTooManyIterations, attemptIterations)
	}
	return nil
}
