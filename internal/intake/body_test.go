package intake_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/referral-operator/referral-operator/internal/intake"
)

func TestBodyIsReadUpToItsLimit(t *testing.T) {
	const limit = 5000
	for _, length := range []int{0, 1, 511, 512, 513, limit - 1, limit, limit + 1, 3 * limit} {
		for name, size := range map[string]int64{"announced": int64(length), "unknown": -1} {
			bodies := intake.NewBodies(100, 1<<20, 1<<20)
			charge := bodies.Charge()
			body := bytes.Repeat([]byte("x"), length)
			got, err := charge.ReadAll(iotest.HalfReader(bytes.NewReader(body)), size, limit)
			switch {
			case length > limit && !errors.Is(err, intake.ErrTooLarge), length <= limit && (err != nil || !bytes.Equal(got, body)):
				t.Errorf("%d bytes, %s: %d, %v", length, name, len(got), err)
			}
			charge.Release()
			if used := bodies.Used(); used != 0 {
				t.Errorf("%d bytes, %s: %d are still charged", length, name, used)
			}
		}
	}
	_, err := intake.NewBodies(100, 1<<20, 1<<20).Charge().ReadAll(iotest.TimeoutReader(strings.NewReader("xy")), 2000, limit)
	if !errors.Is(err, iotest.ErrTimeout) && !errors.Is(err, io.ErrUnexpectedEOF) && err != nil {
		t.Errorf("an error of the body: %v", err)
	}
}

func TestLargeBodiesKeepNoSmallOneAway(t *testing.T) {
	bodies := intake.NewBodies(1000, 10_000, 10_000)
	read := func(length int) (*intake.Charge, error) {
		charge := bodies.Charge()
		_, err := charge.ReadAll(strings.NewReader(strings.Repeat("x", length)), int64(length), 9000)
		return charge, err
	}
	large, err := read(9000)
	if err != nil {
		t.Fatal(err)
	}
	second, err := read(9000)
	if !errors.Is(err, intake.ErrBusy) {
		t.Errorf("another large body: %v", err)
	}
	second.Release()
	for range 8 {
		if _, err := read(900); err != nil {
			t.Errorf("a small body: %v", err)
		}
	}
	large.Release()
	if _, err := read(9000); err != nil {
		t.Errorf("after the first large one: %v", err)
	}
}

func TestManyBodiesThatAreNotSmallKeepNoSmallOneAway(t *testing.T) {
	for name, announced := range map[string]int64{"of known length": 1100, "of unknown length": -1} {
		t.Run(name, func(t *testing.T) {
			bodies := intake.NewBodies(1000, 10_000, 10_000)
			read := func(length int, announced int64) error {
				_, err := bodies.Charge().ReadAll(strings.NewReader(strings.Repeat("x", length)), announced, 9000)
				return err
			}
			for range 12 {
				if err := read(1100, announced); err != nil && !errors.Is(err, intake.ErrBusy) {
					t.Fatal(err)
				}
			}
			if err := read(900, 900); err != nil {
				t.Errorf("a small body: %v", err)
			}
		})
	}
}
