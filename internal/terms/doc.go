// Package terms turns a RewardPolicy as it was written, and the budget of a campaign, into what decisions are made of:
// decimal strings into minor units, rewards into their canonical order.
//
// It is the one place that knows both the API and package reward, and nothing else: no client, no database. What the
// API server cannot judge by its rules, because it takes knowledge of currencies or a look at several fields at once,
// is refused here, with errors that begin with the path of the field.
package terms
