package model

import (
	"slices"
	"testing"
)

// Histories that once differed from the rules, each named by the rule.

var fiveDollars = []rewardTerms{{Name: "inviter", Amount: 500, Currency: "USD"}}

func TestDecidingAHeldPairAgainWritesNothing(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Policy: terms{Hold: 3, Rewards: fiveDollars}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "bob"},
		addSignup{User: "cat", Code: "a", At: 85},
		addPurchase{User: "cat", ID: "p1", Amount: 4500, Currency: "USD", At: 100},
		converge{Again: true},
	})
}

func TestEditOfASuspendedCampaignThatDefersEveryRefereeComesToAnEnd(t *testing.T) {
	suspendedOne := declare{Campaign: "one", Window: 720, Policy: terms{Rewards: fiveDollars}, Scope: "NewPairs", Suspended: true}
	edited := suspendedOne
	edited.Ends = 120
	newShop(t).play(t, []operation{
		suspendedOne,
		addLink{Code: "a", Campaign: "one", Referrer: "bob"},
		addSignup{User: "cat", Code: "a", At: 85},
		addSignup{User: "dan", Code: "a", At: 85},
		converge{Batch: 1},
		edited,
		converge{Batch: 1},
	})
}

func TestPairTakenBackByAReversedCampaignKeepsItsReason(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Policy: terms{Rewards: fiveDollars}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "ann"},
		addSignup{User: "dan", Code: "a", At: 60},
		addPurchase{User: "dan", ID: "p1", Amount: 4500, Currency: "USD", At: 95},
		converge{},
		removeSignup{User: "dan"},
		reverseCampaign{Campaign: "one"},
		converge{Again: true},
	})
}

func TestPairTakenBackIsDecidedAnewOnlyIfItsSignupExists(t *testing.T) {
	policy := terms{Rewards: fiveDollars}
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Policy: policy, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "ann"},
		addSignup{User: "cat", Code: "a", At: 60},
		addPurchase{User: "cat", ID: "p1", Amount: 4500, Currency: "USD", At: 95},
		addSignup{User: "dan", Code: "a", At: 60},
		addPurchase{User: "dan", ID: "p1", Amount: 4500, Currency: "USD", At: 95},
		converge{},
		removeSignup{User: "dan"},
		reverseCampaign{Campaign: "one"},
		converge{Again: true},
		declare{Campaign: "one", Window: 720, Policy: policy, Scope: "NewPairs"},
		converge{Again: true},
	})
}

func TestWaitingPairsAreAdmittedInOrderWhenLimitsAreRemoved(t *testing.T) {
	capped := terms{Every: true, Rewards: fiveDollars, Cap: 1}
	free := terms{Every: true, Rewards: fiveDollars}
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Policy: capped, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "cat"},
		addSignup{User: "bob", Code: "a", At: 80},
		addSignup{User: "dan", Code: "a", At: 90},
		addPurchase{User: "bob", ID: "p2", Amount: 4500, Currency: "USD", At: 104},
		addPurchase{User: "dan", ID: "p1", Amount: 1000, Currency: "USD", At: 99},
		converge{},
		addPurchase{User: "dan", ID: "p2", Amount: 2000, Currency: "USD", At: 98},
		converge{},
		declare{Campaign: "one", Window: 720, Policy: free, Scope: "NewPairs"},
		converge{},
	})
}

func TestPairInAnotherCurrencyThanTheBudgetCountsWithoutTheBudget(t *testing.T) {
	policy := terms{Rewards: []rewardTerms{{Name: "friend", Referee: true, Amount: 300, Currency: "EUR"}}}
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Budget: 2500, Policy: policy, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "ann"},
		addSignup{User: "cat", Code: "a", At: 90},
		addPurchase{User: "cat", ID: "p1", Amount: 1005, Currency: "USD", At: 98},
		converge{},
		declare{Campaign: "one", Window: 720, Policy: policy, Scope: "NewPairs"},
	})
}

func TestCampaignEditReachesRefereesWhoseLinkIsGone(t *testing.T) {
	policy := terms{Rewards: fiveDollars}
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Policy: policy, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "ann"},
		addSignup{User: "cat", Code: "a", At: 90},
		addPurchase{User: "cat", ID: "p1", Amount: 1005, Currency: "USD", At: 98},
		converge{},
		addRefund{User: "cat", Purchase: "p1", ID: "r1", Amount: 1005},
		converge{},
		declare{Campaign: "one", Window: 720, Ends: 85, Policy: policy, Scope: "NewPairs"},
		removeRefund{User: "cat", Purchase: "p1", ID: "r1"},
		removeLink{Code: "a"},
		converge{},
		declare{Campaign: "one", Window: 720, Policy: policy, Scope: "NewPairs"},
	})
}

func TestWaitingPairOfAClosedCampaignKeepsItsRevision(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Rewards: fiveDollars, Cap: 1}, Scope: "NewPairs"},
		addLink{Code: "b", Campaign: "one", Referrer: "ann"},
		addSignup{User: "cat", Code: "b", At: 80},
		addPurchase{User: "cat", ID: "p1", Amount: 2000, Currency: "USD", At: 95},
		addPurchase{User: "cat", ID: "p2", Amount: 1005, Currency: "USD", At: 99},
		converge{},
		declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Rewards: fiveDollars, Cap: 1, Within: 100}, Scope: "HeldPairs"},
		converge{},
		closeCampaign{Campaign: "one"},
		converge{Again: true},
	})
}

func TestPairWithoutCreditIsAdmittedPastAnExceededBudget(t *testing.T) {
	policy := terms{Every: true, Rewards: []rewardTerms{{Name: "friend", Referee: true, Rate: "10"}}}
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Policy: policy, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "cat"},
		addSignup{User: "ann", Code: "a", At: 92},
		addPurchase{User: "ann", ID: "p1", Amount: 6000, Currency: "USD", At: 98},
		converge{},
		declare{Campaign: "one", Window: 720, Budget: 500, Policy: policy, Scope: "NewPairs"},
		addPurchase{User: "ann", ID: "p2", Amount: 1, Currency: "USD", At: 98},
	})
}

func TestPairWaitsForTheCapThatItsOwnBatchReached(t *testing.T) {
	rewards := []rewardTerms{{Name: "friend", Referee: true, Rate: "33.3333"}, {Name: "inviter", Amount: 100, Currency: "USD"}}
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Budget: 500, Policy: terms{Every: true, Rewards: rewards, Cap: 1}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "ann"},
		addSignup{User: "dan", Code: "a", At: 90},
		converge{},
		addPurchase{User: "dan", ID: "p1", Amount: 1000, Currency: "USD", At: 99},
		addPurchase{User: "dan", ID: "p2", Amount: 4500, Currency: "USD", At: 95},
	})
}

func TestCapacityFreedByALostSignupGoesToWaitingPairs(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 10, Budget: 1000, Policy: terms{Every: true, Hold: 24, Rewards: []rewardTerms{{Name: "inviter", Amount: 700, Currency: "USD"}}}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "cat", Label: "press"},
		addLink{Code: "b", Campaign: "one", Referrer: "cat", Label: "press", Disabled: 104},
		addTouch{Visitor: "v2", ID: "t2", Code: "B", At: 90},
		addPurchase{User: "ann", ID: "p3", Amount: 4500, Currency: "USD", At: 99},
		addPurchase{User: "bob", ID: "p2", Amount: 4500, Currency: "USD", At: 104},
		addSignup{User: "ann", Visitor: "v2", At: 95},
		addPurchase{User: "ann", ID: "p2", Amount: 999, Currency: "EUR", At: 99},
		addPurchase{User: "ann", ID: "p1", Amount: 1000, Currency: "USD", At: 99},
		addSignup{User: "bob", Code: "a", At: 100},
		converge{Batch: 1},
		removeSignup{User: "ann"},
		converge{},
	})
}

func TestReversedCampaignLeavesRefereesWithoutAttributionAlone(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Budget: 600, Policy: terms{Every: true, Rewards: fiveDollars}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "cat"},
		addLink{Code: "b", Campaign: "one", Referrer: "ann"},
		addSignup{User: "dan", Code: "a", At: 90},
		addPurchase{User: "dan", ID: "p1", Amount: 4500, Currency: "USD", At: 95},
		converge{},
		addSignup{User: "cat", Code: "b", At: 90},
		addPurchase{User: "cat", ID: "p1", Amount: 333, Currency: "USD", At: 95},
		converge{},
		removeLink{Code: "b"},
		converge{},
		reverseCampaign{Campaign: "one"},
		converge{Again: true},
	})
}

func TestFreedCapacityReachesPairsBehindTheBatchsOwn(t *testing.T) {
	newShop(t).play(t, []operation{
		addLink{Code: "a", Campaign: "one", Referrer: "ann", Label: "press"},
		addLink{Code: "b", Campaign: "one", Referrer: "bob", Label: "press"},
		addSignup{User: "bob", Code: "a", At: 80},
		addSignup{User: "cat", Code: "b", At: 90},
		addPurchase{User: "bob", ID: "p2", Amount: 4500, Currency: "USD", At: 95},
		addPurchase{User: "bob", ID: "p1", Amount: 1000, Currency: "USD", At: 99},
		declare{Campaign: "one", Window: 720, Budget: 500, Policy: terms{Every: true, Hold: 3, Rewards: []rewardTerms{{Name: "friend", Referee: true, Rate: "10"}}, Cap: 3}, Scope: "AllPairs"},
		converge{Batch: 7},
		addPurchase{User: "bob", ID: "p2", Amount: 1000, Currency: "USD", At: 98},
		addPurchase{User: "cat", ID: "p1", Amount: 1000, Currency: "USD", At: 104},
		converge{Batch: 1},
	})
}

func TestTierChangeAllowsNoOvertaking(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Rewards: []rewardTerms{{Name: "friend", Referee: true, Rate: "10"}}, Cap: 2}, Scope: "HeldPairs"},
		addLink{Code: "b", Campaign: "one", Referrer: "ann"},
		addSignup{User: "bob", Code: "b", At: 92},
		addSignup{User: "dan", Code: "b", At: 92},
		addPurchase{User: "bob", ID: "p2", Amount: 1, Currency: "USD", At: 95},
		converge{Two: true},
		declare{Campaign: "one", Window: 720, Budget: 500, Policy: terms{Every: true, Hold: 3, Rewards: []rewardTerms{{Name: "inviter", Currency: "USD",
			Tiers: []tierTerms{{From: 1, Amount: 200}, {From: 2, Amount: 600}, {From: 3, Amount: 300}}}}, Cap: 3}, Scope: "AllPairs"},
		addRefund{User: "bob", Purchase: "p2", ID: "r2", Amount: 6000},
		addPurchase{User: "dan", ID: "p1", Amount: 2000, Currency: "USD", At: 98},
		addPurchase{User: "bob", ID: "p1", Amount: 1, Currency: "USD", At: 98},
		converge{Batch: 3},
	})
}

func TestEarlierFirstPurchaseReplacesAWaitingOne(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Starts: 90, Window: 720, Policy: terms{Every: true, Hold: 24, Rewards: []rewardTerms{
			{Name: "friend", Referee: true, Amount: 200, Currency: "USD"}, {Name: "inviter", Amount: 300, Currency: "USD"}}, Cap: 1}, Scope: "AllPairs"},
		addLink{Code: "b", Campaign: "one", Referrer: "bob"},
		addSignup{User: "cat", Visitor: "v2", At: 100, Prints: []string{"x", "y"}},
		addPurchase{User: "cat", ID: "p1", Amount: 6000, Currency: "USD", At: 99},
		declare{Campaign: "one", Window: 720, Budget: 1000, Policy: terms{Rewards: []rewardTerms{
			{Name: "friend", Referee: true, Rate: "33.3333", Maximums: map[string]int64{"USD": 600}}, {Name: "inviter", Amount: 100, Currency: "USD"}}, Cap: 1}, Scope: "NewPairs"},
		addPurchase{User: "cat", ID: "p2", Amount: 1, Currency: "USD", At: 98, Category: "book"},
		converge{Batch: 7},
		addTouch{Visitor: "v2", ID: "t2", Code: "b", At: 92},
	})
}

func TestCapacityFreedDuringReevaluationOfTheWaitlistIsUsed(t *testing.T) {
	newShop(t).play(t, []operation{
		addLink{Code: "a", Campaign: "one", Referrer: "bob", Label: "press"},
		addLink{Code: "b", Campaign: "one", Referrer: "ann", Label: "press"},
		addSignup{User: "ann", Code: "a", At: 92},
		addSignup{User: "bob", Code: "b", At: 92},
		addSignup{User: "cat", Code: "b", At: 92},
		declare{Campaign: "one", Window: 720, Budget: 1000, Policy: terms{Every: true, Hold: 24, Rewards: []rewardTerms{{Name: "friend", Referee: true, Rate: "10"}}}, Scope: "NewPairs"},
		addPurchase{User: "ann", ID: "p3", Amount: 6000, Currency: "USD", At: 95},
		addPurchase{User: "cat", ID: "p2", Amount: 6000, Currency: "USD", At: 99, Category: "book"},
		converge{Again: true},
		addPurchase{User: "bob", ID: "p2", Amount: 999, Currency: "USD", At: 99, Category: "book"},
		addPurchase{User: "ann", ID: "p2", Amount: 4500, Currency: "USD", At: 95, Category: "book"},
		converge{Batch: 1, Again: true},
		addOverride{User: "ann", Purchase: "p3", Verdict: "Deny"},
		declare{Campaign: "one", Window: 720, Budget: 2500, Policy: terms{Every: true, Hold: 3, Rewards: []rewardTerms{
			{Name: "friend", Referee: true, Rate: "33.3333", Maximums: map[string]int64{"USD": 600}}, {Name: "inviter", Amount: 100, Currency: "USD"}}, Cap: 1}, Scope: "NewPairs"},
		addRefund{User: "bob", Purchase: "p2", ID: "r1", Amount: 2000},
	})
}

func TestPairThatCountsAgainAndWaitsKeepsItsRevision(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Rewards: fiveDollars}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "cat", Label: "press"},
		addSignup{User: "ann", Code: "a", At: 90},
		addSignup{User: "bob", Code: "a", At: 92},
		addSignup{User: "dan", Code: "a", At: 80},
		addPurchase{User: "ann", ID: "p2", Amount: 6000, Currency: "USD", At: 95, Category: "book"},
		addPurchase{User: "dan", ID: "p1", Amount: 2000, Currency: "USD", At: 98, Category: "book"},
		converge{Batch: 2},
		removeSignup{User: "dan"},
		addPurchase{User: "bob", ID: "p2", Amount: 999, Currency: "USD", At: 95, Category: "book"},
		declare{Campaign: "one", Window: 720, Budget: 1200, Policy: terms{Every: true, Hold: 3, Rewards: []rewardTerms{{Name: "friend", Referee: true, Rate: "10"}}, Cap: 3}, Scope: "NewPairs"},
		converge{Batch: 7},
		addSignup{User: "dan", Code: "b", At: 92},
	})
}

func TestCampaignEditReachesAnErasedRefereeWithoutTouches(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Budget: 2500, Policy: terms{Rewards: []rewardTerms{{Name: "inviter", Amount: 700, Currency: "USD"}}}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "bob"},
		addSignup{User: "cat", Visitor: "v1", At: 92, Prints: []string{"x", "y"}, VIP: true},
		addTouch{Visitor: "v1", ID: "t2", Code: "a", At: 92},
		erase{User: "cat"},
		converge{},
		closeCampaign{Campaign: "one"},
	})
}

func TestPairWithoutCreditKeepsItsReasonInAReversedCampaign(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Ends: 99, Window: 720, Budget: 500, Policy: terms{Hold: 3, Rewards: []rewardTerms{{Name: "inviter", Currency: "USD", Tiers: []tierTerms{{From: 1, Amount: 200}, {From: 2, Amount: 600}, {From: 3, Amount: 300}}}}}, Scope: "AllPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "bob", Label: "press"},
		addSignup{User: "ann", Visitor: "v1", At: 85},
		addSignup{User: "cat", Visitor: "v1", At: 90},
		addPurchase{User: "ann", ID: "p3", Amount: 4500, Currency: "USD", At: 120, Category: "book"},
		addTouch{Visitor: "v1", ID: "t1", Code: "a", At: 85},
		addPurchase{User: "cat", ID: "p2", Amount: 2000, Currency: "EUR", At: 104, Category: "gift-card"},
		converge{Batch: 1},
		addSignup{User: "ann", Visitor: "v1", At: 100},
		converge{Batch: 3},
		settings{FirstTouch: true},
		reverseCampaign{Campaign: "one"},
	})
}

func TestGrowingPairTakesNoFurtherCapacityUnderACap(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Budget: 2500, Policy: terms{Every: true, Rewards: []rewardTerms{{Name: "inviter", Rate: "0.05"}}}, Scope: "HeldPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "ann"},
		addLink{Code: "b", Campaign: "one", Referrer: "ann", Label: "press"},
		addSignup{User: "cat", Code: "a", At: 80},
		addSignup{User: "dan", Code: "b", At: 80},
		addPurchase{User: "dan", ID: "p2", Amount: 2000, Currency: "USD", At: 99, Category: "gift-card"},
		addPurchase{User: "cat", ID: "p2", Amount: 2000, Currency: "USD", At: 99},
		converge{Batch: 1},
		declare{Campaign: "one", Window: 720, Budget: 500, Policy: terms{Every: true, Rewards: []rewardTerms{{Name: "inviter", Amount: 500, Currency: "USD"}}, Cap: 2}, Scope: "AllPairs"},
		converge{Batch: 1},
		addPurchase{User: "cat", ID: "p1", Amount: 1005, Currency: "USD", At: 99},
		declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Rewards: []rewardTerms{{Name: "friend", Referee: true, Amount: 200, Currency: "USD"}, {Name: "inviter", Amount: 300, Currency: "USD"}}, Cap: 3}, Scope: "AllPairs"},
	})
}

func TestTierChangeAllowsNoOvertakingAcrossReferrers(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 1, Budget: 2500, Policy: terms{Hold: 24, Rewards: []rewardTerms{{Name: "friend", Referee: true, Rate: "10"}}, Cap: 2}, Scope: "AllPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "cat", Disabled: 120},
		addSignup{User: "bob", Code: "a", At: 95},
		addPurchase{User: "bob", ID: "p1", Amount: 1005, Currency: "USD", At: 95, Category: "gift-card"},
		declare{Campaign: "one", Window: 1, Suspended: true, Policy: terms{Every: true, Condition: "purchase.amount >= 1000 && purchase.currency == 'USD'", Hold: 3, Rewards: []rewardTerms{{Name: "inviter", Currency: "USD", Tiers: []tierTerms{{From: 1, Amount: 200}, {From: 2, Amount: 600}, {From: 3, Amount: 300}}}}}, Scope: "NewPairs"},
		addPurchase{User: "bob", ID: "p2", Amount: 4500, Currency: "USD", At: 120, Category: "book"},
		declare{Campaign: "one", Ends: 99, Window: 720, Budget: 500, Policy: terms{Rewards: []rewardTerms{{Name: "inviter", Rate: "0.05"}}}, Scope: "NewPairs"},
		addSignup{User: "ann", Code: "a", At: 80},
		addSignup{User: "dan", Code: "B", At: 95, Prints: []string{"x"}},
		addLink{Code: "b", Campaign: "one", Referrer: "bob", Label: "press", Expires: 98},
		converge{Batch: 1},
		addPurchase{User: "ann", ID: "p2", Amount: 4500, Currency: "USD", At: 92, Category: "gift-card"},
		addPurchase{User: "dan", ID: "p3", Amount: 4500, Currency: "USD", At: 120, Category: "book"},
	})
}

func TestTierChangeAllowsNoOvertakingWithinABatch(t *testing.T) {
	tiers := []tierTerms{{From: 1, Amount: 200}, {From: 2, Amount: 600}, {From: 3, Amount: 100}}
	dollar := terms{Every: true, Rewards: []rewardTerms{{Name: "inviter", Amount: 1, Currency: "USD"}}}
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Policy: dollar, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "cat"},
		addLink{Code: "b", Campaign: "one", Referrer: "ann"},
		addSignup{User: "bob", Code: "a", At: 80},
		addPurchase{User: "bob", ID: "p1", Amount: 1000, Currency: "USD", At: 85},
		addSignup{User: "dan", Code: "b", At: 80},
		addPurchase{User: "bob", ID: "p3", Amount: 1000, Currency: "USD", At: 91},
		declare{Campaign: "one", Window: 720, Budget: 401, Policy: terms{Every: true, Rewards: []rewardTerms{{Name: "inviter", Currency: "USD", Tiers: tiers}}}, Scope: "NewPairs"},
		addPurchase{User: "bob", ID: "p2", Amount: 1000, Currency: "USD", At: 90},
		addPurchase{User: "dan", ID: "p4", Amount: 1000, Currency: "USD", At: 95},
		converge{Batch: 100},
	})
}

func TestPairThatFitsUnderTheCapAgainIsNotOvertaken(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Budget: 1000, Policy: terms{Every: true, Rewards: fiveDollars, Cap: 1}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "cat"},
		addLink{Code: "b", Campaign: "one", Referrer: "eve"},
		addSignup{User: "ann", Code: "a", At: 80},
		addPurchase{User: "ann", ID: "p1", Amount: 1000, Currency: "USD", At: 85},
		converge{},
		addSignup{User: "dan", Code: "a", At: 80},
		addPurchase{User: "dan", ID: "p1", Amount: 1000, Currency: "USD", At: 90},
		converge{},
		addSignup{User: "bob", Code: "b", At: 80},
		addRefund{User: "ann", Purchase: "p1", ID: "r1", Amount: 1000},
		addPurchase{User: "bob", ID: "p1", Amount: 1000, Currency: "USD", At: 95},
		converge{Batch: 1},
	})
}

func TestNoBatchDecidedBeforeADeclarationCommitsAfterIt(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Budget: 500, Policy: terms{Every: true, Hold: 24, Rewards: fiveDollars, Cap: 1}, Scope: "HeldPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "ann1"},
		addSignup{User: "cat1", Code: "a", At: 90},
		addPurchase{User: "cat1", ID: "p2", Amount: 6000, Currency: "USD", At: 104, Category: "book"},
		beside{Batch: 2, At: 9, What: declare{Campaign: "one", Window: 720, Budget: 2500,
			Policy: terms{Every: true, Rewards: []rewardTerms{{Name: "friend", Referee: true, Rate: "10"}}}, Scope: "AllPairs"}},
	})
}

func TestSharedFingerprintStaysRecordedWhateverIsBlankedLater(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Starts: 104, Ends: 99, Window: 720, Budget: 2500, Policy: terms{Rewards: []rewardTerms{{Name: "friend", Referee: true, Rate: "10"}}}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "cat"},
		addSignup{User: "cat", Visitor: "v2", At: 92, Prints: []string{"y"}},
		addTouch{Visitor: "v1", ID: "t2", Code: "a", At: 60},
		addPurchase{User: "ann", ID: "p3", Amount: 2000, Currency: "USD", At: 120},
		addSignup{User: "ann", Code: "c", At: 85, Prints: []string{"x", "y"}},
		erase{User: "cat"},
		declare{Campaign: "one", Window: 720, Policy: terms{Within: 2, Rewards: []rewardTerms{{Name: "friend", Referee: true, Rate: "10"}}}, Scope: "NewPairs"},
		converge{},
		erase{User: "ann"},
		addSignup{User: "ann", Visitor: "v1", At: 92},
	})
}

func TestEditReachesPairsThatWaitedBeforeIt(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Rewards: []rewardTerms{
			{Name: "friend", Referee: true, Amount: 200, Currency: "USD"}, {Name: "inviter", Amount: 300, Currency: "USD"}}, Cap: 1}, Scope: "HeldPairs"},
		addLink{Code: "b", Campaign: "one", Referrer: "ann7"},
		addSignup{User: "bob7", Code: "b", At: 92},
		addSignup{User: "dan7", Code: "b", At: 92},
		addPurchase{User: "dan7", ID: "p2", Amount: 1005, Currency: "USD", At: 95},
		addPurchase{User: "bob7", ID: "p1", Amount: 333, Currency: "USD", At: 104},
		advance{Hours: 10},
		beside{Batch: 7, At: 38, What: declare{Campaign: "one", Window: 720, Budget: 2500, Policy: terms{Every: true, Hold: 3, Rewards: fiveDollars, Cap: 2}, Scope: "HeldPairs"}},
	})
}

func TestResyncAttributesASignupWhileThePolicyIsMissing(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Budget: 2500, Policy: terms{Every: true, Rewards: fiveDollars}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "ann"},
		addSignup{User: "cat", Visitor: "v2", At: 92},
		addSignup{User: "dan", Code: "b", At: 92},
		declare{Campaign: "one", PolicyMissing: true},
		resync{Hidden: addTouch{Visitor: "v2", ID: "t2", Code: "a", At: 92}},
		resync{Hidden: addLink{Code: "b", Campaign: "one", Referrer: "ann"}},
	})
}

func TestReferrerOfPairsThatWaitInAnUnlimitedCampaignIsCounted(t *testing.T) {
	s := newShop(t)
	for _, users := range [][]string{{"ann", "bob"}, {"bob", "ann"}} { // whichever is decided first
		s.play(t, []operation{
			declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Rewards: fiveDollars}, Scope: "NewPairs"},
			addLink{Code: "a", Campaign: "one", Referrer: "eve"},
			addSignup{User: users[0], Code: "a", At: 90},
			addSignup{User: users[1], Code: "a", At: 90},
			addPurchase{User: users[0], ID: "p1", Amount: 1000, Currency: "USD", At: 95},
			converge{},
			again{Campaign: "one", Mode: policyMissing},
			addPurchase{User: users[1], ID: "p1", Amount: 1000, Currency: "USD", At: 95},
			removeSignup{User: users[0]},
			converge{Batch: 1},
		})
	}
}

func TestDecidingAWaitingPairOfAClosedCampaignAgainWritesNothing(t *testing.T) {
	newShop(t).play(t, []operation{
		addLink{Code: "a", Campaign: "one", Referrer: "ann", Label: "press"},
		addSignup{User: "dan", Visitor: "v2", At: 85},
		addTouch{Visitor: "v2", ID: "t1", Code: "a", At: 60},
		declare{Campaign: "one", Window: 720, Budget: 300, Policy: terms{Rewards: fiveDollars}, PolicyName: "another", Scope: "NewPairs"},
		addPurchase{User: "dan", ID: "p1", Amount: 4500, Currency: "USD", At: 95, Category: "book"},
		converge{},
		closeCampaign{Campaign: "one"},
		addLink{Code: "a", Campaign: "two", Referrer: "ann", Label: "press", Disabled: 99}, // the campaign reaches no referee through it now
		converge{Again: true},
		settings{FirstTouch: true},
		converge{Again: true},
	})
}

func TestResyncThatCountsLossesMayPassOverAWaitingPair(t *testing.T) {
	newShop(t).play(t, []operation{
		addLink{Code: "b", Campaign: "one", Referrer: "ann"},
		addSignup{User: "dan", Code: "b", At: 80},
		addPurchase{User: "dan", ID: "p2", Amount: 500, Currency: "USD", At: 95},
		addPurchase{User: "dan", ID: "p3", Amount: 6000, Currency: "USD", At: 99},
		declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Rewards: fiveDollars, Cap: 1}, Scope: "NewPairs"},
		resync{Hidden: removePurchase{User: "dan", ID: "p2"}},
	})
}

func TestResyncRecordsTheMissingPurchaseOfAReversedPair(t *testing.T) {
	newShop(t).play(t, []operation{
		addLink{Code: "c", Campaign: "one", Referrer: "ann"},
		addSignup{User: "dan", Visitor: "v2", At: 80},
		addTouch{Visitor: "v2", ID: "t2", Code: "c", At: 80},
		declare{Campaign: "one", Window: 720, Policy: terms{Rewards: fiveDollars}, Scope: "AllPairs", Suspended: true},
		addPurchase{User: "dan", ID: "p1", Amount: 500, Currency: "USD", At: 99},
		converge{},
		declare{Campaign: "one", Starts: 92, Window: 720, Policy: terms{Rewards: fiveDollars}, Scope: "AllPairs"},
		converge{},
		resync{Hidden: removePurchase{User: "dan", ID: "p1"}},
	})
}

func TestResyncNoticesThatADeletedCampaignIsTheReasonOfAReversedPair(t *testing.T) {
	policy := terms{Every: true, Rewards: fiveDollars}
	link := addLink{Code: "b", Campaign: "one", Referrer: "ann"}
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Budget: 500, Policy: policy, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "ann"},
		link,
		addSignup{User: "bob", Code: "a", At: 80},
		addSignup{User: "cat", Code: "b", At: 80},
		addPurchase{User: "bob", ID: "p1", Amount: 1000, Currency: "USD", At: 85},
		converge{},
		addPurchase{User: "cat", ID: "p1", Amount: 1000, Currency: "USD", At: 86},
		converge{},
		removeLink{Code: "b"},
		converge{},
		closeCampaign{Campaign: "one"},
		converge{},
		resync{Hidden: link},
	})
}

func TestPassingOverEndsWhileTheCampaignIsSuspended(t *testing.T) {
	policy := terms{Every: true, Rewards: fiveDollars}
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Budget: 500, Policy: policy, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "ann"},
		addSignup{User: "bob", Code: "a", At: 80},
		addSignup{User: "cat", Code: "a", At: 80},
		addPurchase{User: "bob", ID: "p1", Amount: 1000, Currency: "USD", At: 85},
		converge{},
		addPurchase{User: "cat", ID: "p1", Amount: 1000, Currency: "USD", At: 86},
		converge{},
		refuse{User: "cat"},
		addPurchase{User: "cat", ID: "p1", Amount: 2000, Currency: "USD", At: 86},
		declare{Campaign: "one", Window: 720, Budget: 1000, Policy: policy, Scope: "NewPairs"},
		converge{},
		again{Campaign: "one", Mode: "Suspended"},
		refuse{},
		converge{},
		again{Campaign: "one", Mode: "Open"},
		converge{},
	})
}

func TestErasedTouchOfAReversedCampaignAttributesNoLonger(t *testing.T) {
	policy := terms{Every: true, Rewards: fiveDollars}
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Policy: policy, Scope: "NewPairs"},
		declare{Campaign: "two", Window: 720, Policy: policy, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "ann"},
		addLink{Code: "b", Campaign: "two", Referrer: "ann"},
		addTouch{Visitor: "v1", ID: "t2", Code: "b", At: 85},
		addSignup{User: "bob", Visitor: "v1", At: 92},
		addSignup{User: "cat", Visitor: "v1", At: 92},
		converge{},
		erase{User: "bob"},
		converge{},
		addTouch{Visitor: "v1", ID: "t1", Code: "a", At: 80},
		reverseCampaign{Campaign: "two"},
	})
}

// The raised budget admits the waiting pair before the rollout comes to it, or after: the plan is
// an estimate.
func TestPlanIsAnEstimateWhereItAdmitsWhatItsRolloutReaches(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Budget: 1000, Policy: terms{Every: true, Hold: 3, Rewards: []rewardTerms{{Name: "friend", Referee: true, Amount: 200, Currency: "USD"}, {Name: "inviter", Amount: 300, Currency: "USD"}}}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "ann2"},
		addLink{Code: "b", Campaign: "one", Referrer: "ann2", Label: "press"},
		addSignup{User: "bob2", Code: "b", At: 90},
		addSignup{User: "cat2", Code: "a", At: 92},
		addSignup{User: "dan2", Code: "a", At: 90},
		addPurchase{User: "cat2", ID: "p1", Amount: 1, Currency: "USD", At: 99},
		addPurchase{User: "bob2", ID: "p3", Amount: 333, Currency: "USD", At: 98, Category: "gift-card"},
		converge{},
		addPurchase{User: "dan2", ID: "p3", Amount: 333, Currency: "USD", At: 95},
		plan{Campaign: "one", Edit: declare{Campaign: "one", Window: 720, Budget: 2500, Policy: terms{Every: true, Hold: 3, Rewards: []rewardTerms{{Name: "friend", Referee: true, Rate: "10"}}}, Scope: "HeldPairs"}},
	})
}

// TestPlanIsAnEstimateWhereAnEarlierRevisionMayAdmit has a pair that waits under its first revision
// and does not qualify under the reverted one, which raises the budget.
func TestPlanIsAnEstimateWhereAnEarlierRevisionMayAdmit(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Budget: 500, Policy: terms{Every: true, Rewards: []rewardTerms{{Name: "inviter", Currency: "USD", Tiers: []tierTerms{{From: 1, Amount: 200}, {From: 2, Amount: 600}, {From: 3, Amount: 300}}}}}, Scope: "HeldPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "alice"},
		addSignup{User: "u109", Code: "a", At: 90},
		declare{Campaign: "one", Window: 720, Budget: 10000, Policy: terms{Every: true, Rewards: []rewardTerms{{Name: "friend", Referee: true, Amount: 300, Currency: "EUR"}, {Name: "inviter", Amount: 500, Currency: "USD"}}}, Scope: "HeldPairs"},
		transaction{What: []operation{addPurchase{User: "u109", ID: "p2", Amount: 1005, Currency: "USD", At: 99}, addSignup{User: "u105", Code: "a", At: 80}}},
		revert{Campaign: "one", Scope: "NewPairs"},
		addPurchase{User: "u105", ID: "p3", Amount: 4500, Currency: "USD", At: 99},
		erase{User: "u123"},
		plan{Campaign: "one", Edit: revert{Campaign: "one"}},
	})
}

func TestPlanIsAnEstimateWhereAPairIsAdmittedFirst(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Budget: 500, Policy: terms{Every: true, Rewards: []rewardTerms{{Name: "inviter", Amount: 500, Currency: "USD"}}}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "alice"},
		addSignup{User: "carol", Code: "a", At: 90},
		addPurchase{User: "carol", ID: "p1", Amount: 2000, Currency: "USD", At: 95},
		addPurchase{User: "carol", ID: "p2", Amount: 2000, Currency: "USD", At: 96},
		plan{Campaign: "one", Edit: declare{Campaign: "one", Window: 720, Policy: terms{Rewards: []rewardTerms{{Name: "inviter", Amount: 400, Currency: "USD"}}}, Scope: "AllPairs"}},
	})
}

func TestReversalDoesNotChangeWhyAPairIsUnattributed(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Rewards: fiveDollars, Cap: 1}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "ann"},
		addSignup{User: "bob", Code: "a", At: 80},
		addSignup{User: "cat", Code: "a", At: 80},
		addPurchase{User: "bob", ID: "p1", Amount: 1000, Currency: "USD", At: 85},
		converge{},
		addPurchase{User: "cat", ID: "p1", Amount: 1000, Currency: "USD", At: 86},
		converge{},
		removeSignup{User: "cat"},
		converge{},
		reverseCampaign{Campaign: "one"},
		addSignup{User: "cat", Code: "coupon", At: 80},
	})
}

// A pair that waits in a campaign without a policy keeps the attribution until its purchase is
// removed, and the erasure comes in between.
func TestErasureFixesTheAttributionThatTheFactsGive(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Currency: "EUR", Policy: terms{Every: true, Before: 5, Hold: 24, Rewards: []rewardTerms{{Name: "inviter", Currency: "EUR", Tiers: []tierTerms{{From: 1, Amount: 600}, {From: 2, Amount: 200}}}}}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "ann1"},
		addTouch{Visitor: "v2", ID: "t2", Code: " a", At: 90},
		addPurchase{User: "dan1", ID: "p2", Amount: 1000, Currency: "USD", At: 98, Category: "book"},
		transaction{Repeatable: true, What: []operation{removePurchase{User: "dan1", ID: "p2"}, removeRefund{User: "bob1", Purchase: "p2", ID: "r1"}, addPurchase{User: "cat1", ID: "p3", Amount: 1000, Currency: "USD", At: 80, Category: "book"}, addLink{Code: "a", Campaign: "one", Referrer: "ann1", Label: "press"}}},
		beside{Batch: 7, At: 10, What: again{Campaign: "one", Mode: "PolicyMissing"}},
		addSignup{User: "dan1", Visitor: "v2", At: 98},
		converge{Crash: 48, Deaf: true, Again: true},
		erase{User: "dan1"},
		converge{Batch: 7, Crash: 38, Deaf: true},
	})
}

func TestErasureBesideAReversalFixesTheCurrentAttribution(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Rewards: fiveDollars}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "ann"},
		addTouch{Visitor: "v1", ID: "t1", Code: "a", At: 90},
		addPurchase{User: "bob", ID: "p1", Amount: 1000, Currency: "USD", At: 98},
		again{Campaign: "one", Mode: "PolicyMissing"},
		addSignup{User: "bob", Visitor: "v1", At: 95},
		addSignup{User: "cat", Visitor: "v1", At: 95},
		addPurchase{User: "cat", ID: "p1", Amount: 1000, Currency: "USD", At: 98},
		converge{},
		addLink{Code: "a", Campaign: "one", Referrer: "ben"},
		removePurchase{User: "bob", ID: "p1"},
		removePurchase{User: "cat", ID: "p1"},
		erase{User: "bob"},
		converge{},
	})
}

func TestClosingACampaignRejudgesItsReversedPairs(t *testing.T) {
	policy := terms{Every: true, Rewards: fiveDollars}
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Budget: 500, Policy: policy, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "ann"},
		addTouch{Visitor: "v1", ID: "t1", Code: "a", At: 60},
		addSignup{User: "bob", Code: "a", At: 80},
		addSignup{User: "cat", Visitor: "v1", At: 80},
		addPurchase{User: "bob", ID: "p1", Amount: 1000, Currency: "USD", At: 85},
		converge{},
		addPurchase{User: "cat", ID: "p1", Amount: 1000, Currency: "USD", At: 86},
		converge{},
		declare{Campaign: "one", Window: 1, Budget: 500, Policy: policy, Scope: "NewPairs"},
		converge{},
		reverseCampaign{Campaign: "one"},
		converge{Again: true},
	})
}

func TestPlanIsAnEstimateWhereATierDependsOnOrder(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Starts: 80, Window: 720, Policy: terms{Every: true, Rewards: []rewardTerms{{Name: "inviter", Rate: "0.05"}}, Cap: 2}, Scope: "NewPairs"},
		limitLosses{Pairs: 1},
		declare{Campaign: "two", Starts: 90, Window: 720, Policy: terms{Every: true, Rewards: []rewardTerms{{Name: "friend", Referee: true, Amount: 200, Currency: "USD"}, {Name: "inviter", Amount: 300, Currency: "USD"}}, Cap: 3}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "cat4"},
		addLink{Code: "b", Campaign: "one", Referrer: "cat4", Label: "press"},
		addLink{Code: "c", Campaign: "one", Referrer: "cat4"},
		addSignup{User: "ann4", Code: "B", At: 90},
		addSignup{User: "bob4", Visitor: "v2", At: 90, Prints: []string{"x"}},
		addSignup{User: "cat4", Visitor: "v2", At: 80, Prints: []string{"y"}},
		addSignup{User: "dan4", Visitor: "v2", At: 80, Prints: []string{"x"}},
		addTouch{Visitor: "v2", ID: "t1", Code: "c", At: 92},
		addTouch{Visitor: "v1", ID: "t3", Code: "c", At: 92},
		addTouch{Visitor: "v2", ID: "t3", Code: "a", At: 80},
		removeRefund{User: "cat4", Purchase: "p2", ID: "r2"},
		removeLink{Code: "c"},
		removeRefund{User: "ann4", Purchase: "p3", ID: "r1"},
		addRefund{User: "bob4", Purchase: "p1", ID: "r1", Amount: 1005},
		removeRefund{User: "cat4", Purchase: "p1", ID: "r2"},
		addPurchase{User: "ann4", ID: "p1", Amount: 1, Currency: "USD", At: 104},
		converge{Batch: 2},
		reverseCampaign{Campaign: "one"},
		beside{Batch: 3, At: 67, What: declare{Campaign: "two", Starts: 92, Ends: 95, Window: 720, Budget: 500, Policy: terms{Every: true, Before: 1, Hold: 3, Rewards: []rewardTerms{{Name: "friend", Referee: true, Rate: "33.3333", Maximums: map[string]int64{"USD": 600}}, {Name: "inviter", Amount: 100, Currency: "USD"}}}, Scope: "AllPairs"}},
		addOverride{User: "dan4", Purchase: "p1", Verdict: "Allow"},
		plan{Campaign: "two", Edit: declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Before: 1, Hold: 3, Rewards: []rewardTerms{{Name: "inviter", Currency: "USD", Tiers: []tierTerms{{From: 1, Amount: 200}, {From: 2, Amount: 600}, {From: 3, Amount: 300}}}}, Cap: 1}, PolicyName: "another", Scope: "NewPairs"}},
		lag{Campaign: "one", Policy: true},
		addPurchase{User: "dan4", ID: "p2", Amount: 4500, Currency: "USD", At: 99, Category: "book"},
		converge{Batch: 1, Two: true},
		beside{Batch: 7, At: 103, What: addSignup{User: "ann4", Visitor: "v2", At: 80}},
		reverseCampaign{Campaign: "one"},
		converge{Batch: 3, Two: true},
		advance{Hours: 10},
		lag{Campaign: "two", Policy: true},
		settings{},
		plan{Campaign: "two", Edit: declare{Campaign: "one", Ends: 104, Window: 720, Budget: 1000, Policy: terms{Every: true, Hold: 3, Rewards: []rewardTerms{{Name: "friend", Referee: true, Rate: "33.3333", Maximums: map[string]int64{"USD": 600}}, {Name: "inviter", Amount: 100, Currency: "USD"}}}, Scope: "NewPairs"}},
		beside{Batch: 1, At: 54, What: another{Batch: 1}},
		beside{Batch: 3, At: 63, What: removeRefund{User: "dan4", Purchase: "p1", ID: "r1"}},
	})
}

func TestARolloutMayReachAPairBeforeItsRefereeIsErased(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Budget: 500, Policy: terms{Rewards: fiveDollars}, Scope: "HeldPairs"},
		addLink{Code: "c", Campaign: "one", Referrer: "bob"},
		addSignup{User: "ann", Visitor: "v2", At: 104},
		addTouch{Visitor: "v2", ID: "t1", Code: "c", At: 92},
		addPurchase{User: "ann", ID: "p3", Amount: 6000, Currency: "USD", At: 120},
		declare{Campaign: "one", Window: 720, Budget: 500, Suspended: true, Policy: terms{Rewards: fiveDollars}, Scope: "HeldPairs"},
		converge{},
		erase{User: "ann"},
		converge{},
		declare{Campaign: "one", Window: 720, Budget: 500, Policy: terms{
			Condition: "has(signup.attributes.vip) && signup.attributes.vip == true", Rewards: fiveDollars,
		}, Scope: "HeldPairs"},
		converge{Again: true},
	})
}

func TestAnErasureDoesNotWaitForACampaignThatTheUserHasLeft(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Policy: terms{Rewards: fiveDollars}, Scope: "NewPairs"},
		declare{Campaign: "two", Starts: 90, Window: 720, Policy: terms{Rewards: fiveDollars}, Scope: "NewPairs"},
		addLink{Code: "b", Campaign: "one", Referrer: "bob"},
		addTouch{Visitor: "v1", ID: "t1", Code: "b", At: 80},
		addTouch{Visitor: "v1", ID: "t3", Code: "b", At: 90},
		addSignup{User: "cat", Visitor: "v1", At: 90},
		addSignup{User: "dan", Visitor: "v1", At: 80},
		declare{Campaign: "one", Window: 720, Suspended: true, Policy: terms{Rewards: fiveDollars}, Scope: "NewPairs"},
		converge{},
		erase{User: "dan"},
		converge{},
		addLink{Code: "b", Campaign: "two", Referrer: "bob"},
		converge{Again: true},
	})
}

func TestErasureBesideAReversalRecordsWhatHeldBeforeOrAfterIt(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Policy: terms{Rewards: fiveDollars}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "ann"},
		addSignup{User: "cat", Code: "a", At: 60},
		addPurchase{User: "cat", ID: "p1", Amount: 4500, Currency: "USD", At: 95, Category: "book"},
		converge{},
		reverseCampaign{Campaign: "one"},
		erase{User: "cat"},
	})
}

func TestErasureOfAReferrerLeavesItsRefereesAsTheyAre(t *testing.T) {
	for name, prints := range map[string][]string{"shared": {"x", "y"}, "not shared": {"z"}} {
		t.Run(name, func(t *testing.T) {
			newShop(t).play(t, []operation{
				declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Rewards: fiveDollars}, Scope: "NewPairs"},
				addLink{Code: "b", Campaign: "one", Referrer: "cat", Label: "press"},
				addSignup{User: "ann", Code: "b", At: 80, Prints: []string{"x", "y"}},
				addSignup{User: "cat", Visitor: "v1", At: 90, Prints: prints},
				converge{Batch: 1},
				erase{User: "cat"},
			})
		})
	}
}

func TestClosedCampaignKeepsThePairsRevision(t *testing.T) {
	first := terms{Rewards: fiveDollars, Cap: 1}
	second := first
	second.Within = 100
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Policy: first, Scope: "NewPairs"},
		addLink{Code: "b", Campaign: "one", Referrer: "ann"},
		addSignup{User: "cat", Code: "b", At: 80},
		addSignup{User: "dan", Code: "b", At: 80},
		addPurchase{User: "cat", ID: "p1", Amount: 2000, Currency: "USD", At: 95},
		converge{},
		addPurchase{User: "dan", ID: "p1", Amount: 1005, Currency: "USD", At: 95},
		converge{},
		declare{Campaign: "one", Window: 720, Policy: second, Scope: "HeldPairs"},
		converge{},
		addRefund{User: "dan", Purchase: "p1", ID: "r1", Amount: 1005},
		converge{},
		closeCampaign{Campaign: "one"},
		removeRefund{User: "dan", Purchase: "p1", ID: "r1"},
		converge{},
		declare{Campaign: "one", Window: 720, Policy: second, Scope: "HeldPairs"},
		converge{},
	})
}

func TestErasureBesideAPairWithoutAttribution(t *testing.T) {
	euros := []rewardTerms{{Name: "inviter", Amount: 500, Currency: "EUR"}}
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Budget: 500, Policy: terms{Every: true, Rewards: []rewardTerms{{Name: "inviter", Amount: 700, Currency: "USD"}}}, Scope: "NewPairs"},
		declare{Campaign: "two", Window: 720, Policy: terms{Rewards: fiveDollars}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "ann"},
		addSignup{User: "cat", Visitor: "v1", At: 80},
		addSignup{User: "dan", Visitor: "v1", At: 90},
		addTouch{Visitor: "v1", ID: "t1", Code: "a", At: 80},
		addPurchase{User: "dan", ID: "p1", Amount: 4500, Currency: "USD", At: 99},
		reverseCampaign{Campaign: "two"},
		converge{},
		declare{Campaign: "one", Window: 720, Budget: 500, Currency: "EUR", Policy: terms{Every: true, Rewards: euros}, Scope: "NewPairs"},
		converge{},
		erase{User: "cat"},
		addLink{Code: "a", Campaign: "two", Referrer: "ann"},
		converge{Again: true},
	})
}

func TestPermittedPairOfAUserWithALaterLossStaysWithheld(t *testing.T) {
	newShop(t).play(t, []operation{
		limitLosses{Pairs: 1},
		declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Rewards: fiveDollars}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "ann"},
		addSignup{User: "cat", Code: "a", At: 90},
		addPurchase{User: "cat", ID: "p1", Amount: 4500, Currency: "USD", At: 95},
		addPurchase{User: "cat", ID: "p2", Amount: 6000, Currency: "USD", At: 95},
		converge{},
		lose{Campaign: "one", Most: 3},
		converge{},
		addPurchase{User: "cat", ID: "p1", Amount: 4500, Currency: "USD", At: 95},
		converge{},
		permit{Campaign: "one"},
		removeSignup{User: "cat"},
		converge{},
		permit{Campaign: "one"},
		converge{},
	})
}

func TestDeletionOfItsCampaignIsTheFirstReasonAgainstAPurchase(t *testing.T) {
	s := newShop(t)
	begin := []operation{
		declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Minimums: map[string]int64{"USD": 2000}, Rewards: fiveDollars}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "ann"},
		addSignup{User: "bob", Code: "a", At: 80},
		addPurchase{User: "bob", ID: "p1", Amount: 4500, Currency: "USD", At: 85},
		converge{},
	}
	small := addPurchase{User: "bob", ID: "p2", Amount: 1000, Currency: "USD", At: 90}
	for name, after := range map[string][]operation{
		"too small":            {closeCampaign{Campaign: "one"}, small},
		"denied":               {closeCampaign{Campaign: "one"}, addPurchase{User: "bob", ID: "p2", Amount: 4500, Currency: "USD", At: 90}, addOverride{User: "bob", Purchase: "p2", Verdict: "Deny"}},
		"its signup is gone":   {closeCampaign{Campaign: "one"}, small, removeSignup{User: "bob"}},
		"the campaign is open": {small},
	} {
		t.Run(name, func(t *testing.T) { s.play(t, slices.Concat(begin, after)) })
	}
}

// The touch is committed after the erasure has moved the visitor's touches, while it waits for the
// signup, which the same transaction has locked.
func TestTouchThatComesWhileAnErasureWaitsStaysUntilAnotherRequest(t *testing.T) {
	s := newShop(t)
	corrected := addSignup{User: "ann", Visitor: "v1", At: 90, VIP: true}
	for name, during := range map[string][]operation{
		"signup deleted":            {removeSignup{User: "ann"}},
		"signup corrected":          {corrected},
		"corrected, asked for anew": {corrected, finish{Commit: true}, erase{User: "ann"}},
	} {
		t.Run(name, func(t *testing.T) {
			touched := addTouch{Visitor: "v1", ID: "t2", Code: "a", At: 92}
			s.play(t, slices.Concat(
				[]operation{
					declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Rewards: fiveDollars}, Scope: "NewPairs"},
					addLink{Code: "a", Campaign: "one", Referrer: "eve"},
					addTouch{Visitor: "v1", ID: "t1", Code: "a", At: 80},
					addSignup{User: "ann", Visitor: "v1", At: 90},
					transaction{What: []operation{during[0], touched}},
					erase{User: "ann"},
					converge{},
				},
				during[1:],
				[]operation{converge{}},
			))
		})
	}
}

// The pair is decided once more after the touches that said why it does not count have been moved,
// while another campaign is being reversed.
func TestErasureBesideAReversalMayLoseWhyAPairDoesNotCount(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Cap: 1, Rewards: fiveDollars}, Scope: "NewPairs"},
		declare{Campaign: "two", Window: 720, Policy: terms{Every: true, Rewards: fiveDollars}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "eve"},
		addTouch{Visitor: "v1", ID: "t1", Code: "a", At: 88},
		addSignup{User: "ann", Code: "a", At: 80},
		addPurchase{User: "ann", ID: "p1", Amount: 1000, Currency: "USD", At: 85},
		addSignup{User: "bob", Visitor: "v1", At: 90},
		addPurchase{User: "bob", ID: "p1", Amount: 1000, Currency: "USD", At: 95},
		addSignup{User: "cat", Visitor: "v1", Code: "a", At: 90},
		converge{},
		erase{User: "cat"},
		declare{Campaign: "one", Window: 1, Policy: terms{Every: true, Cap: 1, Rewards: fiveDollars}, Scope: "NewPairs"},
		reverseCampaign{Campaign: "two"},
	})
}

// A share of the corrected purchase would be outside the budget.
func TestPurchaseCorrectedToAnotherCurrencyThanTheBudget(t *testing.T) {
	share := []rewardTerms{{Name: "inviter", Rate: "10"}}
	s := newShop(t)
	for name, after := range map[string][]operation{
		"and back":                 {converge{}, addPurchase{User: "ann", ID: "p1", Amount: 1000, Currency: "USD", At: 85}},
		"and refunded":             {addRefund{User: "ann", Purchase: "p1", ID: "r1", Amount: 4500}},
		"under a new budget":       {declare{Campaign: "one", Window: 720, Budget: 10_000, Currency: "EUR", Policy: terms{Every: true, Rewards: share}, Scope: "NewPairs"}},
		"in a suspended campaign":  {again{"one", suspended}, converge{}, again{"one", open}},
		"in a campaign of no more": {closeCampaign{"one"}},
	} {
		t.Run(name, func(t *testing.T) {
			s.play(t, slices.Concat([]operation{
				declare{Campaign: "one", Window: 720, Budget: 10_000, Currency: "USD", Policy: terms{Every: true, Rewards: share}, Scope: "NewPairs"},
				addLink{Code: "a", Campaign: "one", Referrer: "eve"},
				addSignup{User: "ann", Code: "a", At: 80},
				addPurchase{User: "ann", ID: "p1", Amount: 1000, Currency: "USD", At: 85},
				converge{},
				addPurchase{User: "ann", ID: "p1", Amount: 4500, Currency: "EUR", At: 85},
			}, after))
		})
	}
}

// The pair is judged as an admitted one, and then as one that may be admitted again. Both times it
// must be Reversed for the same reason, whatever has happened to its campaign.
func TestWithdrawnAllowStaysTheReason(t *testing.T) {
	s := newShop(t)
	euros := []rewardTerms{{Name: "inviter", Amount: 300, Currency: "EUR"}}
	admitted := declare{Campaign: "one", Window: 720, Budget: 1000, Currency: "EUR", Policy: terms{Every: true, Rewards: euros}, Scope: "NewPairs"}
	otherBudget, ended, narrow := admitted, admitted, admitted
	otherBudget.Budget, otherBudget.Currency, otherBudget.Policy.Rewards = 2500, "USD", fiveDollars
	ended.Ends = 91
	narrow.Window = 1
	for name, c := range map[string]struct {
		signup operation
		edit   declare
	}{
		"the budget has another currency now":  {addSignup{User: "ann", Code: "a", At: 92, Prints: []string{"x"}}, otherBudget},
		"the campaign ended before the signup": {addSignup{User: "ann", Code: "a", At: 92, Prints: []string{"x"}}, ended},
		"the window has become too narrow":     {addSignup{User: "ann", Visitor: "v1", At: 92, Prints: []string{"x"}}, narrow},
	} {
		t.Run(name, func(t *testing.T) {
			s.play(t, []operation{
				admitted,
				addLink{Code: "a", Campaign: "one", Referrer: "bob"},
				addSignup{User: "bob", At: 90, Prints: []string{"x"}},
				addTouch{Visitor: "v1", ID: "t1", Code: "a", At: 80},
				c.signup,
				addPurchase{User: "ann", ID: "p1", Amount: 1000, Currency: "USD", At: 99},
				addOverride{User: "ann", Purchase: "p1", Verdict: "Allow"},
				converge{},
				c.edit,
				converge{},
				noOverride{User: "ann", Purchase: "p1"},
				converge{},
				resync{},
			})
		})
	}
}

// A closed campaign defers the referees that wait in it again and again.
func TestClosedCampaignWithARolloutLeavesNothingToWrite(t *testing.T) {
	share := []rewardTerms{{Name: "friend", Referee: true, Rate: "10"}}
	newShop(t).play(t, []operation{
		declare{Campaign: "two", Window: 720, Budget: 1200, Policy: terms{Every: true, Rewards: share}, Scope: "HeldPairs"},
		addLink{Code: "b", Campaign: "two", Referrer: "eve"},
		addSignup{User: "bob", Visitor: "v1", At: 92},
		addTouch{Visitor: "v1", ID: "t1", Code: "b", At: 92},
		declare{Campaign: "two", Window: 720, Budget: 1000, Policy: terms{Every: true, Hold: 24, Rewards: fiveDollars, Cap: 2}, Scope: "HeldPairs"},
		converge{},
		addPurchase{User: "bob", ID: "p3", Amount: 6000, Currency: "USD", At: 98},
		beside{Batch: 7, At: 14, What: addPurchase{User: "cat", ID: "p1", Amount: 333, Currency: "USD", At: 99}},
		closeCampaign{Campaign: "two"},
		addPurchase{User: "bob", ID: "p1", Amount: 4500, Currency: "USD", At: 99},
		converge{Again: true},
	})
}

// A signup that is blank already keeps no erasure waiting, although a writer has it locked.
func TestErasureEndsWhileAWriterFillsTheBlankSignup(t *testing.T) {
	for _, commit := range []bool{true, false} {
		newShop(t).play(t, []operation{
			addSignup{User: "ann", Visitor: "v1", At: 90, VIP: true},
			erase{User: "ann"},
			converge{},
			addPurchase{User: "ann", ID: "p1", Amount: 4500, Currency: "USD", At: 98},
			transaction{What: []operation{
				addPurchase{User: "ann", ID: "p2", Amount: 6000, Currency: "USD", At: 98, Category: "book"},
				addSignup{User: "ann", Visitor: "v1", At: 90},
			}},
			erase{User: "ann"},
			converge{},
			finish{Commit: commit},
			converge{Again: true},
		})
	}
}

// A step of a rollout commits before the declaration that suspends its campaign, and that waits for
// it.
func TestRolloutGoesOnUntilTheSuspensionCommits(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Hold: 24, Rewards: []rewardTerms{{Name: "inviter", Currency: "USD", Tiers: []tierTerms{{From: 1, Amount: 500}, {From: 2, Amount: 100}}}, {Name: "friend", Referee: true, Rate: "10"}}}, Scope: "HeldPairs"},
		addLink{Code: "b", Campaign: "one", Referrer: "ann7", Label: "press"},
		addSignup{User: "cat7", Code: "b", At: 92},
		beside{Batch: 1, At: 1, What: declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Hold: 3, Rewards: []rewardTerms{{Name: "inviter", Currency: "USD", Tiers: []tierTerms{{From: 1, Amount: 200}, {From: 2, Amount: 600}, {From: 3, Amount: 300}}}}}, Scope: "NewPairs"}},
		revert{Campaign: "one", Scope: "NewPairs"},
		beside{Batch: 2, At: 60, What: again{Campaign: "one", Mode: "Suspended"}},
	})
}

// The pair of a closed campaign rests on a touch of a link that is gone. The change of its code is
// pending.
func TestResyncWaitsForTheChangeOfATouchedCode(t *testing.T) {
	newShop(t).play(t, []operation{
		addLink{Code: "b", Campaign: "two", Referrer: "u101", Label: "press"},
		addSignup{User: "u106", Code: "B", At: 80},
		addSignup{User: "u107", Visitor: "v2", At: 80},
		addPurchase{User: "u106", ID: "p2", Amount: 1000, Currency: "USD", At: 104, Category: "book"},
		addPurchase{User: "u107", ID: "p3", Amount: 4500, Currency: "USD", At: 104, Category: "gift-card"},
		addTouch{Visitor: "v2", ID: "t1", Code: "B", At: 80},
		plan{Campaign: "one", Edit: declare{Campaign: "two", Window: 720, Budget: 1000, Policy: terms{Every: true, Rewards: []rewardTerms{{Name: "inviter", Currency: "USD", Tiers: []tierTerms{{From: 1, Amount: 500}, {From: 2, Amount: 100}}}, {Name: "friend", Referee: true, Rate: "10"}}}, Scope: "AllPairs"}},
		declare{Campaign: "two", Window: 1, Budget: 1000, Policy: terms{Every: true, Minimums: map[string]int64{"USD": 1000}, Condition: "link.label != 'press'", Hold: 24, Rewards: []rewardTerms{{Name: "inviter", Rate: "0.05"}}}, PolicyName: "another", Scope: "AllPairs"},
		beside{Batch: 7, At: 106, What: closeCampaign{Campaign: "two"}},
		removeLink{Code: "b"},
		beside{Batch: 3, At: 13, What: anotherResync{}},
	})
}
