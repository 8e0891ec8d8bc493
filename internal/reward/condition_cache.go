package reward

import "sync"

// Conditions are compiled again and again from the same text: whenever the
// configuration is read, and for each look at a policy. So the latest are kept.
const keptConditions = 512

var kept struct {
	sync.Mutex
	conditions map[string]*Condition // by text
}

// KnownCondition is CompileCondition, at less cost for a text that was compiled before.
func KnownCondition(text string) (*Condition, error) {
	kept.Lock()
	condition := kept.conditions[text]
	kept.Unlock()
	if condition != nil {
		return condition, nil
	}
	condition, err := CompileCondition(text)
	if err != nil {
		return nil, err
	}
	kept.Lock()
	defer kept.Unlock()
	if kept.conditions == nil {
		kept.conditions = make(map[string]*Condition, keptConditions)
	}
	for other := range kept.conditions {
		if len(kept.conditions) < keptConditions {
			break
		}
		delete(kept.conditions, other) // any: what is in use comes back
	}
	kept.conditions[text] = condition
	return condition, nil
}
