package gitops_test

import (
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
)

// kstatusOf is what kstatus should say of each state. It knows no suspension, and waits for what is
// out of order.
var kstatusOf = map[string]status.Status{
	deleting:   status.TerminatingStatus,
	underway:   status.InProgressStatus,
	failed:     status.FailedStatus,
	outOfOrder: status.InProgressStatus,
	suspended:  status.CurrentStatus,
	inForce:    status.CurrentStatus,
}

func TestKstatusReadsEveryRecording(t *testing.T) {
	for _, kind := range kinds {
		for _, recorded := range recordings(t, kind) {
			result, err := status.Compute(recorded.Unstructured)
			if err != nil {
				t.Errorf("%s %s: %v", kind, recorded.name, err)
				continue
			}
			if want := kstatusOf[recorded.stateOf()]; result.Status != want {
				t.Errorf("%s %s: kstatus says %s: %s; what is %s should be %s",
					kind, recorded.name, result.Status, result.Message, recorded.stateOf(), want)
			}
		}
	}
}
