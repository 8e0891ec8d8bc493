package controllers

import (
	"context"
	"fmt"
	"strings"
	"sync"

	authenticationv1 "k8s.io/api/authentication/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// self finds out which user this process is to the API server, so that messages about missing
// rights can name it. Every user has the right to ask.
type self struct {
	client client.Client

	mu   sync.Mutex
	user string
}

// bindingLine is the command that gives this operator the right to get the Secrets of a namespace.
func (s *self) bindingLine(ctx context.Context, namespace string) string {
	const role = "referral-operator-secret-reader"
	return fmt.Sprintf("kubectl -n %s create rolebinding %s --clusterrole=%s %s", namespace, role, role, subject(s.name(ctx)))
}

// subject is the kubectl option that names a user.
func subject(user string) string {
	account, ok := strings.CutPrefix(user, "system:serviceaccount:")
	switch {
	case ok:
		return "--serviceaccount=" + account
	case user != "":
		return "--user=" + user
	default:
		return "--serviceaccount=<the operator's namespace>:<its ServiceAccount>"
	}
}

func (s *self) name(ctx context.Context) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.user != "" {
		return s.user
	}
	review := &authenticationv1.SelfSubjectReview{}
	if err := s.client.Create(ctx, review); err != nil {
		ctrl.LoggerFrom(ctx).V(1).Info("Cannot find out the name of this user", "reason", err.Error())
		return ""
	}
	s.user = review.Status.UserInfo.Username
	return s.user
}
