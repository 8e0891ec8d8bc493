package controllers

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

func TestReplacedObjectIsReconciled(t *testing.T) {
	policy := func(uid types.UID, generation int64, annotations map[string]string) *v1alpha1.RewardPolicy {
		return &v1alpha1.RewardPolicy{ObjectMeta: metav1.ObjectMeta{UID: uid, Generation: generation, Annotations: annotations}}
	}
	old := policy("a", 1, nil)
	for name, test := range map[string]struct {
		now         *v1alpha1.RewardPolicy
		edits, asks bool
	}{
		"a write of its status": {now: policy("a", 1, nil)},
		"another spec":          {now: policy("a", 2, nil), edits: true, asks: true},
		"another object":        {now: policy("b", 1, nil), edits: true, asks: true},
		"a request":             {now: policy("a", 1, map[string]string{v1alpha1.RequestedAtAnnotation: "1"}), asks: true},
	} {
		update := event.UpdateEvent{ObjectOld: old, ObjectNew: test.now}
		if edits, asks := edited().Update(update), requested().Update(update); edits != test.edits || asks != test.asks {
			t.Errorf("%s: edited %v, requested %v", name, edits, asks)
		}
		if deleted := deletions().Update(update); deleted != (test.now.UID != old.UID) {
			t.Errorf("%s: counts as a deletion: %v", name, deleted)
		}
	}
}
