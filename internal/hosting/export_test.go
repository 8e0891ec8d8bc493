package hosting

import "github.com/referral-operator/referral-operator/internal/engine"

// Observer is what all engines of the registry report to.
func (r *Registry) Observer() engine.Observer { return r.metrics }

// VerifyDeadline is how long a verification may run.
const VerifyDeadline = verifyDeadline
