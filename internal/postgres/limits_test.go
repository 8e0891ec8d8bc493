package postgres

import (
	"slices"
	"testing"
)

func TestRecordsAreFoundHoweverTheyArrive(t *testing.T) {
	record := func(body int) []byte {
		return append([]byte{23, 3, 3, byte(body >> 8), byte(body)}, make([]byte, body)...)
	}
	stream := slices.Concat(record(18), record(0), record(16_401), record(300))
	const want, wantShort = 3*bufferBytes + 16_401, 3*(countedRecord-recordHeaderBytes) - 18 - 300
	for _, size := range []int{1, 2, 3, 7, 300, 16_000, len(stream)} {
		var r records
		got, short := 0, 0
		for part := range slices.Chunk(stream, size) {
			buffers, lacking := r.begin(part)
			got, short = got+buffers, short+lacking
		}
		if got != want || short != wantShort || r.body != 0 || len(r.header) != 0 {
			t.Errorf("reads of %d bytes: %d bytes of buffers and %d short, want %d and %d", size, got, short, want, wantShort)
		}
	}
}
