package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/token/cache"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	authentication "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorization "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// requireAccess lets only clients read metrics that the API server authenticates and allows. Others
// get 401 or 403. While the API server does not answer, clients with a token get 503, except those
// whose token it accepted within the last minute. The filter that controller-runtime ships answers
// 500 to a client with a wrong token.
func requireAccess(kubernetes *rest.Config, client *http.Client) (metricsserver.Filter, error) {
	authenticate, err := newAuthenticator(kubernetes, client)
	if err != nil {
		return nil, fmt.Errorf("while setting up authentication: %w", err)
	}
	authorize, err := newAuthorizer(kubernetes, client)
	if err != nil {
		return nil, fmt.Errorf("while setting up authorisation: %w", err)
	}
	return func(log logr.Logger, handler http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token := bearerToken(r)
			var who *authenticator.Response
			var known bool
			var err error
			if token != "" {
				who, known, err = authenticate.AuthenticateToken(r.Context(), token)
			}
			if err != nil {
				log.Info("Cannot authenticate a client of the metrics", "reason", err.Error())
				http.Error(w, "the API server cannot be asked who the client is", http.StatusServiceUnavailable)
				return
			}
			if !known {
				w.Header().Set("WWW-Authenticate", "Bearer")
				http.Error(w, "a bearer token that the API server knows is needed", http.StatusUnauthorized)
				return
			}
			decision, _, err := authorize.Authorize(r.Context(), authorizer.AttributesRecord{
				User: who.User, Verb: strings.ToLower(r.Method), Path: r.URL.Path,
			})
			switch {
			case err != nil:
				log.Info("Cannot authorise a client of the metrics", "user", who.User.GetName(), "reason", err.Error())
				http.Error(w, "the API server did not say whether the client may read metrics", http.StatusServiceUnavailable)
			case decision != authorizer.DecisionAllow:
				http.Error(w, "the client needs a role with verb get on this path", http.StatusForbidden)
			default:
				handler.ServeHTTP(w, r)
			}
		}), nil
	}, nil
}

const reviewTimeout = 10 * time.Second

// reviewRetries is short: a scrape waits for it.
var reviewRetries = wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 3}

// newAuthenticator returns an authenticator that fails only if the API server gives no answer. For
// the one of k8s.io/apiserver a token that the API server refuses is an error as well.
func newAuthenticator(kubernetes *rest.Config, client *http.Client) (authenticator.Token, error) {
	reviews, err := authentication.NewForConfigAndClient(kubernetes, client)
	if err != nil {
		return nil, err
	}
	review := func(ctx context.Context, token string) (*authenticator.Response, bool, error) {
		ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
		defer cancel()
		asked := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}
		answer, err := reviews.TokenReviews().Create(ctx, asked, metav1.CreateOptions{})
		if err != nil || !answer.Status.Authenticated {
			return nil, false, err
		}
		found := answer.Status.User
		who := &user.DefaultInfo{Name: found.Username, UID: found.UID, Groups: found.Groups, Extra: map[string][]string{}}
		for key, values := range found.Extra {
			who.Extra[key] = values
		}
		return &authenticator.Response{User: who}, true, nil
	}
	return cache.New(authenticator.TokenFunc(review), false, time.Minute, time.Minute), nil
}

// bearerToken returns the token of a request; empty: it has none.
func bearerToken(r *http.Request) string {
	scheme, token, _ := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func newAuthorizer(kubernetes *rest.Config, client *http.Client) (authorizer.Authorizer, error) {
	reviews, err := authorization.NewForConfigAndClient(kubernetes, client)
	if err != nil {
		return nil, err
	}
	config := authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: reviews,
		AllowCacheTTL:             5 * time.Minute,
		DenyCacheTTL:              30 * time.Second,
		WebhookRetryBackoff:       &reviewRetries,
	}
	return config.New()
}
