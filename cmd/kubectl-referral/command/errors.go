package command

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/cmd/kubectl-referral/view"
)

// problem is an error of the API server, and what to do about it.
type problem struct {
	message string
	err     error
}

func (p *problem) Error() string { return p.message }
func (p *problem) Unwrap() error { return p.err }

// explain says what a request was for, and what cures its error.
func (c *cluster) explain(err error, verb string, k kind, name string) error {
	object := k.resource
	if name != "" {
		object = k.name + " " + name
	}
	where := " in namespace " + c.namespace
	if c.namespace == metav1.NamespaceAll {
		where = " in all namespaces"
	}
	unreached, lost := errors.AsType[*url.Error](err)
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "cannot impersonate"): // there is no other sign for it
		return &problem{"you may not act as another user: leave out --as and --as-group, or ask for the right to impersonate", err}
	case apierrors.IsForbidden(err):
		return &problem{fmt.Sprintf("you may not %s %s%s; its administrator can allow it with: %s", verb, object, where, c.binding()), err}
	case apierrors.IsUnauthorized(err):
		return &problem{"the API server does not accept your credentials: log in again, or name another --context", err}
	case kindIsMissing(err):
		return &problem{fmt.Sprintf("the API server has no kind %s of %s: the operator is not installed, or is older than kubectl-referral %s",
			k.name, v1alpha1.GroupVersion, version()), err}
	case apierrors.IsNotFound(err):
		return &problem{fmt.Sprintf("there is no %s%s", object, where), err}
	case strings.Contains(err.Error(), `unknown field "spec.proposed.`): // of the specs that the manifests have
		return &problem{fmt.Sprintf("the manifests have a field that the operator does not know: %v", err), err}
	case strings.Contains(err.Error(), "unknown field"): // the API server has no other sign for it
		return &problem{fmt.Sprintf("the operator is older than kubectl-referral %s: %v", version(), err), err}
	case lost:
		return &problem{fmt.Sprintf("the API server cannot be reached: %v", unreached.Err), err}
	}
	return &problem{fmt.Sprintf("cannot %s %s%s: %v", verb, object, where, err), err}
}

// kindIsMissing reports whether the API server does not serve the kind. A missing object has an
// answer of its own, which names it.
func kindIsMissing(err error) bool {
	return apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// ignoreAbsence returns nil if the error says that an object does not exist.
func ignoreAbsence(err error) error {
	if apierrors.IsNotFound(err) && !kindIsMissing(err) {
		return nil
	}
	return err
}

// binding is the command that gives the rights.
func (c *cluster) binding() string {
	if c.namespace == metav1.NamespaceAll {
		return fmt.Sprintf("kubectl create clusterrolebinding NAME --clusterrole=%s --user=USER", c.role)
	}
	return fmt.Sprintf("kubectl create rolebinding NAME -n %s --clusterrole=%s --user=USER", c.namespace, c.role)
}

// oneLine is the text of an error without line breaks and without what a terminal could act on:
// names and messages are other people's.
func oneLine(err error) string { return view.OneLine(err.Error()) }
