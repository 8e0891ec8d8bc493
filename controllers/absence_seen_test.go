package controllers

import (
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestCampaignDeclaredWithoutAUIDDoesNotCountAsSeen(t *testing.T) {
	if newAbsence(time.Now).wasSeen(client.ObjectKey{Namespace: "growth", Name: "never-seen"}, "", client.ObjectKey{}) {
		t.Error("a campaign whose object is unknown counts as deleted, so it is closed without absenceGrace")
	}
}
