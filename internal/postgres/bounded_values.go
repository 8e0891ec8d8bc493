package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// arrayElements bounds an array that a server sends. An element takes 16 bytes or more in memory and
// as little as two in a message. No statement returns an array of more than some hundred elements.
const arrayElements = 10_000

var (
	errLongArray = fmt.Errorf("%w: an array has more than %d elements", errTooMuch, arrayElements)
	errTextArray = errors.New("the server sends an array in text format, though binary format was requested")
)

// useBoundedValues makes a connection refuse long arrays, and read documents of json, jsonb and xml
// only as text. A server chooses the type and the format of each column, whatever a statement says.
func useBoundedValues(_ context.Context, connection *pgx.Conn) error {
	types := connection.TypeMap()
	// Those of the driver without structs, Go arrays and slices of slices, which nothing here scans.
	types.TryWrapScanPlanFuncs = []pgtype.TryWrapScanPlanFunc{
		pgtype.TryPointerPointerScanPlan,
		pgtype.TryWrapBuiltinTypeScanPlan,
		pgtype.TryFindUnderlyingTypeScanPlan,
		wrapSlice,
	}
	for _, oid := range []uint32{pgtype.JSONOID, pgtype.JSONBOID, pgtype.XMLOID} {
		document, ok := types.TypeForOID(oid)
		if !ok {
			return fmt.Errorf("the driver does not know type %d, which is json, jsonb or xml", oid)
		}
		types.RegisterType(&pgtype.Type{Name: document.Name, OID: oid, Codec: documentText{document.Codec}})
	}
	return nil
}

// wrapSlice is pgtype.TryWrapPtrSliceScanPlan for arrays of at most arrayElements.
func wrapSlice(target any) (pgtype.WrappedScanPlanNextSetter, any, bool) {
	plan, next, ok := pgtype.TryWrapPtrSliceScanPlan(target)
	return scanBoundedArray{plan}, next, ok
}

type scanBoundedArray struct {
	pgtype.WrappedScanPlanNextSetter
}

// Scan refuses a long array before the driver allocates anything for it.
func (p scanBoundedArray) Scan(value []byte, target any) error {
	if err := CheckArray(value); err != nil {
		return err
	}
	return p.WrappedScanPlanNextSetter.Scan(value, target)
}

// CheckArray returns the error with which an array, as the server sent it, would not be scanned: it
// is too long, or in text format, which the driver would parse at many times its bytes. After an
// error of a scan no further row can be read.
func CheckArray(value []byte) error {
	switch {
	case len(value) > 0 && value[0] != 0: // the first byte of a number of dimensions, which is small
		return errTextArray
	case elementsOf(value) > arrayElements:
		return errLongArray
	}
	return nil
}

// elementsOf returns how many elements the head of an array in binary format announces: number of
// dimensions, whether there are nulls, the elements' type, and length and lower bound of each
// dimension. A length below zero counts as a large one.
func elementsOf(value []byte) uint64 {
	const head, perDimension = 12, 8
	if len(value) < head {
		return 0 // NULL, or what the driver refuses
	}
	dimensions := binary.BigEndian.Uint32(value)
	if dimensions == 0 {
		return 0
	}
	elements := uint64(1)
	for lengths := value[head:]; dimensions > 0 && len(lengths) >= perDimension && elements <= arrayElements; dimensions-- {
		elements *= uint64(binary.BigEndian.Uint32(lengths))
		lengths = lengths[perDimension:]
	}
	return elements
}

// documentText is the codec of a type whose values the driver would parse into any Go type.
type documentText struct{ pgtype.Codec }

// PlanScan returns the driver's plan for text, which is copied as it is, and for a target that parses
// the text itself.
func (c documentText) PlanScan(types *pgtype.Map, oid uint32, format int16, target any) pgtype.ScanPlan {
	switch target.(type) {
	case *string, *[]byte, pgtype.BytesScanner:
		return c.Codec.PlanScan(types, oid, format, target)
	}
	return nil
}

// arrayBytes returns how many bytes the elements of the arrays in targets of a scan take beside
// their texts.
func arrayBytes(targets []any) (bytes int) {
	for _, target := range targets {
		pointer := reflect.ValueOf(target)
		if pointer.Kind() != reflect.Pointer {
			continue
		}
		if list := pointer.Elem(); list.Kind() == reflect.Slice && list.Type() != reflect.TypeFor[[]byte]() {
			bytes += list.Len() * int(list.Type().Elem().Size())
		}
	}
	return bytes
}
