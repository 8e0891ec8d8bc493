package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/cache"
	authentication "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorization "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
)

const (
	// reviewTimeout bounds what the API server is asked about one client.
	reviewTimeout = 10 * time.Second

	// reviewsAtOnce is about how many clients the API server is asked at a time. Further ones get 503.
	// It is far below serverConnections: else, while the API server does not answer, clients with
	// made-up tokens would take all connections from those whose tokens are known.
	reviewsAtOnce = 10

	// acceptedFor and refusedFor are how long an answer of the API server counts.
	acceptedFor = time.Minute
	refusedFor  = 30 * time.Second

	// mostAnswers is how many answers of each kind are remembered.
	mostAnswers = 1000
)

// access lets only clients read metrics that the API server authenticates and allows. Others get 401
// or 403. While the API server does not answer, clients with a token get 503, except those that it
// allowed within the last minute. The filter that controller-runtime ships answers 500 to a client
// with a wrong token, and bounds no reviews.
type access struct {
	log    logr.Logger
	tokens authentication.TokenReviewInterface
	rights authorization.SubjectAccessReviewInterface
	asking chan struct{} // has a value for each client about which the API server is being asked

	// Verdicts by question. Those on made-up tokens push none on accepted ones out.
	accepted, refused *cache.LRUExpireCache
}

// verdict is what becomes of a request.
type verdict struct {
	status  int // http.StatusOK: it may read
	message string
}

var (
	mayRead      = verdict{http.StatusOK, ""}
	unknownToken = verdict{http.StatusUnauthorized, "a bearer token that the API server knows is needed"}
	noRight      = verdict{http.StatusForbidden, "the client may not read metrics: bind the ClusterRole referral-operator-metrics-reader to it"}
	noAnswer     = verdict{http.StatusServiceUnavailable, "the API server did not say whether the client may read metrics"}
)

func newAccess(kubernetes *rest.Config, log logr.Logger) (*access, error) {
	kubernetes = rest.CopyConfig(kubernetes)
	kubernetes.QPS = -1 // reviewsAtOnce bounds the requests
	tokens, err := authentication.NewForConfig(kubernetes)
	if err != nil {
		return nil, fmt.Errorf("while setting up authentication: %w", err)
	}
	rights, err := authorization.NewForConfig(kubernetes)
	if err != nil {
		return nil, fmt.Errorf("while setting up authorisation: %w", err)
	}
	return &access{
		log: log, tokens: tokens.TokenReviews(), rights: rights.SubjectAccessReviews(), asking: make(chan struct{}, reviewsAtOnce),
		accepted: cache.NewLRUExpireCache(mostAnswers), refused: cache.NewLRUExpireCache(mostAnswers),
	}, nil
}

// require returns a handler that answers only clients which may read.
func (a *access) require(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found := a.decide(r)
		if found == mayRead {
			handler.ServeHTTP(w, r)
			return
		}
		if found == unknownToken {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		http.Error(w, found.message, found.status)
	})
}

// decide returns the verdict on a request.
func (a *access) decide(r *http.Request) verdict {
	token := bearerToken(r)
	if token == "" {
		return unknownToken
	}
	question := sha256.Sum256([]byte(r.Method + "\n" + r.URL.Path + "\n" + token))
	for _, answers := range []*cache.LRUExpireCache{a.accepted, a.refused} {
		if known, ok := answers.Get(question); ok {
			found, _ := known.(verdict) // the caches have nothing else
			return found
		}
	}
	select {
	case a.asking <- struct{}{}:
		defer func() { <-a.asking }()
	default:
		return noAnswer
	}
	ctx, cancel := context.WithTimeout(r.Context(), reviewTimeout)
	defer cancel()
	found, err := a.review(ctx, token, strings.ToLower(r.Method), r.URL.Path)
	switch {
	case err != nil:
		a.log.Info("Cannot find out whether a client may read metrics", "reason", err.Error())
		return noAnswer
	case found == mayRead:
		a.accepted.Add(question, found, acceptedFor)
	default:
		a.refused.Add(question, found, refusedFor)
	}
	return found
}

// review asks the API server who has a token, and whether that user may read a path.
func (a *access) review(ctx context.Context, token, verb, path string) (verdict, error) {
	who, err := a.tokens.Create(ctx, &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}, metav1.CreateOptions{})
	if err != nil {
		return verdict{}, fmt.Errorf("while asking whose token it is: %w", err)
	}
	if !who.Status.Authenticated {
		return unknownToken, nil
	}
	user := who.Status.User
	asked := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user.Username, UID: user.UID, Groups: user.Groups, Extra: map[string]authorizationv1.ExtraValue{},
		NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: path, Verb: verb},
	}}
	for key, values := range user.Extra {
		asked.Spec.Extra[key] = authorizationv1.ExtraValue(values)
	}
	may, err := a.rights.Create(ctx, asked, metav1.CreateOptions{})
	if err != nil {
		return verdict{}, fmt.Errorf("while asking whether %s may: %w", user.Username, err)
	}
	if !may.Status.Allowed {
		return noRight, nil
	}
	return mayRead, nil
}

// bearerToken returns the token of a request; empty: it has none.
func bearerToken(r *http.Request) string {
	scheme, token, _ := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
