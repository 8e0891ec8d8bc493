package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"
)

// Class is what an error of the database means to its caller. This file is the only place that
// examines SQLSTATEs and errors of the driver.
type Class string

const (
	ClassUnknown               Class = "Unknown"               // none of the following
	ClassUnreachable           Class = "Unreachable"           // no connection, not in time, or lost
	ClassUnsupportedServer     Class = "UnsupportedServer"     // not Postgres, or one that lacks what the operator needs
	ClassMissingObject         Class = "MissingObject"         // a schema, table, column or function does not exist
	ClassData                  Class = "Data"                  // the values are wrong; the same statement with others may succeed
	ClassRetryable             Class = "Retryable"             // the same transaction may succeed later
	ClassReadOnly              Class = "ReadOnly"              // a standby, or a read-only transaction
	ClassCertificateNotTrusted Class = "CertificateNotTrusted" // or the server offers no TLS
	ClassPermissionDenied      Class = "PermissionDenied"      // the user lacks a right
	ClassDatabaseNotFound      Class = "DatabaseNotFound"      // the server has no database of that name
	ClassAuthenticationFailed  Class = "AuthenticationFailed"  // the server rejects user or password
)

// weight orders classes. Of several attempts to connect, the one that got furthest says most.
var weight = map[Class]int{
	ClassUnreachable: 1, ClassUnsupportedServer: 2, ClassMissingObject: 3, ClassData: 4, ClassRetryable: 5, ClassReadOnly: 6,
	ClassCertificateNotTrusted: 7, ClassPermissionDenied: 8, ClassDatabaseNotFound: 9, ClassAuthenticationFailed: 10,
}

// states maps SQLSTATEs, and classes of SQLSTATEs by their first two characters.
var states = map[string]Class{
	"08": ClassUnreachable, // connection exceptions; also a pooler's own errors
	"22": ClassData,        // data exceptions
	"23": ClassData,        // constraints
	"28": ClassAuthenticationFailed,
	"53": ClassRetryable, // disk, memory or configured limits are exhausted
	"54": ClassData,      // program limits
	"58": ClassRetryable, // input and output errors of the server

	"25006": ClassReadOnly,
	"25P02": ClassRetryable, // the transaction failed before
	"25P03": ClassRetryable, // idle in transaction for too long
	"25P04": ClassRetryable, // transaction took too long
	"26000": ClassRetryable, // a pooler gave another connection: no such statement
	"3D000": ClassDatabaseNotFound,
	"3F000": ClassMissingObject, // schema
	"40001": ClassRetryable,     // serialization failure
	"40P01": ClassRetryable,     // deadlock
	"42501": ClassPermissionDenied,
	"42703": ClassMissingObject, // column
	"42883": ClassMissingObject, // function
	"42P01": ClassMissingObject, // table
	"42P05": ClassRetryable,     // a pooler gave another connection: statement exists
	"53300": ClassUnreachable,   // too many connections
	"55P03": ClassRetryable,     // lock timeout
	"57014": ClassRetryable,     // statement timeout
	"57P01": ClassUnreachable,   // shut down by an administrator
	"57P02": ClassUnreachable,   // crashed
	"57P03": ClassUnreachable,   // starting up
	"57P05": ClassUnreachable,   // idle for too long
}

// endsConnection are the SQLSTATEs after which a connection is not used again. A standby answers
// 0A000 to the beginning of a transaction that writes.
var endsConnection = map[string]bool{
	"0A000": true, // a feature that is not supported
	"25006": true, // read-only transaction
	"57P01": true, // shut down by an administrator
	"57P02": true, // crashed
	"57P03": true, // starting up
}

// Classify returns what err means; ClassUnknown for nil.
func Classify(err error) Class {
	class := ClassUnknown
	for _, leaf := range leaves(err) {
		if c := classifyLeaf(leaf); weight[c] > weight[class] {
			class = c
		}
	}
	return class
}

// ConnectionClass is the StateClass of errors for which the server gave no SQLSTATE: there was no
// connection, it was lost, or no answer came in time.
const ConnectionClass = "connection"

// OtherClass is the StateClass of SQLSTATEs that Postgres does not have.
const OtherClass = "other"

// stateClasses are the classes of SQLSTATEs that a statement of this program may end with.
var stateClasses = []string{
	"08", "0A", "21", "22", "23", "25", "26", "28", "2D", "34", "3D", "3F", "40", "42", "53", "54", "55", "57", "58", "P0", "XX",
}

// StateClasses returns every value of StateClass but the empty one.
func StateClasses() []string {
	return append(slices.Clone(stateClasses), ConnectionClass, OtherClass)
}

// StateClass returns the class of the SQLSTATE in err, its first two characters. It is empty if err
// is no error of the database.
func StateClass(err error) string {
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		if len(server.Code) == 5 && slices.Contains(stateClasses, server.Code[:2]) {
			return server.Code[:2]
		}
		return OtherClass
	}
	switch Classify(err) {
	case ClassUnreachable, ClassUnsupportedServer, ClassCertificateNotTrusted, ClassReadOnly:
		return ConnectionClass
	default:
		return ""
	}
}

// leaves are the innermost errors of a tree of wrapped and joined errors: one for each host that
// was tried.
func leaves(err error) []error {
	switch e := err.(type) { //nolint:errorlint // it walks the tree itself, one error at a time
	case nil:
		return nil
	case interface{ Unwrap() []error }:
		var all []error
		for _, branch := range e.Unwrap() {
			all = append(all, leaves(branch)...)
		}
		return all
	case *tls.CertificateVerificationError, net.Error:
		return []error{err} // more specific than the error it wraps
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return leaves(inner)
		}
	}
	return []error{err}
}

func classifyLeaf(err error) Class {
	var (
		server      *pgconn.PgError
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		hostname    x509.HostnameError
		invalid     x509.CertificateInvalidError
		record      tls.RecordHeaderError
		network     net.Error
		notGranted  *ErrNotGranted
		untrusted   *ErrUntrustedOwner
		unsupported *ErrUnsupportedServer
	)
	switch {
	case errors.As(err, &server):
		if class, ok := states[server.Code]; ok {
			return class
		}
		if len(server.Code) == 5 {
			if class, ok := states[server.Code[:2]]; ok {
				return class
			}
		}
		return ClassUnknown
	case errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &hostname),
		errors.As(err, &invalid), errors.As(err, &record), errors.Is(err, errTLSRefused), errors.Is(err, errCertificate):
		return ClassCertificateNotTrusted
	case errors.Is(err, errReadOnly):
		return ClassReadOnly
	case errors.As(err, &notGranted), errors.As(err, &untrusted):
		return ClassPermissionDenied
	case errors.As(err, &unsupported):
		return ClassUnsupportedServer
	case errors.Is(err, context.Canceled):
		return ClassUnknown
	case errors.As(err, &network), errors.Is(err, errTooManyIterations), errors.Is(err, errCertificates), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, pgconn.ErrConnClosed), errors.Is(err, puddle.ErrClosedPool):
		return ClassUnreachable
	}
	return ClassUnknown
}

// Retryable reports whether the same transaction may succeed if it is run again: after a conflict
// with another transaction, or on a new connection.
func Retryable(err error) bool {
	class := Classify(err)
	return class == ClassRetryable || class == ClassUnreachable
}

// LockTimeout reports whether another transaction kept a lock for longer than a statement waits.
func LockTimeout(err error) bool {
	server, ok := errors.AsType[*pgconn.PgError](err)
	return ok && server.Code == "55P03"
}

// StatementTimeout reports whether a statement took longer than it may.
func StatementTimeout(err error) bool {
	server, ok := errors.AsType[*pgconn.PgError](err)
	return ok && server.Code == "57014"
}

// Data reports whether the values of a statement are wrong, so that the same statement with others
// may succeed.
func Data(err error) bool { return Classify(err) == ClassData }

// Refused reports whether the server refuses rows of a statement, so that it may take others: for
// their values, or in a function that they call, such as a trigger's. What such a function lacks (a
// right, a table, another server) is not what the statement itself lacks.
func Refused(err error) bool {
	server, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	switch Classify(err) {
	case ClassData, ClassUnknown:
		return true
	case ClassRetryable:
		return false
	default:
		// A server that shuts down also says within which function, but its error is fatal.
		return server.Where != "" && server.SeverityUnlocalized == "ERROR"
	}
}

// Fault is the cause of a failed transaction that works on a batch of rows.
type Fault string

const (
	FaultNone     Fault = ""         // there is no error
	FaultBatch    Fault = "Batch"    // its data, size or duration: a smaller batch may succeed
	FaultPassing  Fault = "Passing"  // another transaction, the connection or the disk: the same batch may succeed later
	FaultDatabase Fault = "Database" // a schema, a right or a setting: no batch succeeds until it is repaired
)

// tooMuch are the SQLSTATEs of retryable errors that a smaller batch may avoid. A transaction whose
// failure is judged by FaultOf needs a lock_timeout that is clearly shorter than its
// statement_timeout: if they are equal, a wait for another transaction ends with 57014, too.
var tooMuch = map[string]bool{
	"25P03": true, // idle in transaction for too long
	"25P04": true, // transaction took too long
	"53200": true, // out of memory
	"53400": true, // a configured limit
	"57014": true, // statement timeout
}

// FaultOf returns the fault of a batch that failed with err. An error without a class, such as a
// column that cannot be read, is FaultBatch.
func FaultOf(err error) Fault {
	if err == nil {
		return FaultNone
	}
	if server, ok := errors.AsType[*pgconn.PgError](err); ok && tooMuch[server.Code] {
		return FaultBatch
	}
	switch Classify(err) {
	case ClassData:
		return FaultBatch
	case ClassRetryable, ClassUnreachable:
		return FaultPassing
	case ClassUnknown:
		if errors.Is(err, context.Canceled) {
			return FaultPassing
		}
		return FaultBatch
	default:
		return FaultDatabase
	}
}

// Constraint returns the name of the constraint that a statement violated; empty if it is another
// error.
func Constraint(err error) string {
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		return server.ConstraintName
	}
	return ""
}

// AlreadyExists reports whether a CREATE failed because another transaction created the same
// object.
func AlreadyExists(err error) bool {
	server, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	switch server.Code {
	case "42P06", "42P07", "42710", "23505": // schema, table, other object, row of a catalog
		return true
	}
	return false
}

// ErrNotGranted means that a GRANT or REVOKE had no effect: the server only warns a user that may
// not pass a right on.
type ErrNotGranted struct{ Statement string }

func (e *ErrNotGranted) Error() string {
	return "the user of the connection URI may not run " + e.Statement + ": let the owner of the schema do it"
}

// ErrUntrustedOwner means that a role which the user of the connection URI does not trust owns
// something that the user would run statements on.
type ErrUntrustedOwner struct {
	Object string // such as SCHEMA "referral"
	Owner  string // the role
}

func (e *ErrUntrustedOwner) Error() string {
	return fmt.Sprintf("%s belongs to role %q, which could make the user of the connection URI run its own triggers: drop it, and the operator "+
		"creates its own; or, if you have checked everything in it, run ALTER %s OWNER TO … with that user", e.Object, e.Owner, e.Object)
}
