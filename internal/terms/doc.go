// Package terms turns a RewardPolicy as it was written, and the budget of a campaign, into the
// types of package reward: decimal strings into minor units, rewards into their canonical order.
//
// Only this package knows both the API and package reward; it knows no client and no database. It
// refuses what the rules of the API server cannot, because that takes knowledge of currencies or of
// several fields at once. Its errors begin with the path of the field.
package terms
