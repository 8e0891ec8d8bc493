package reward

import "sync"

// The same texts are compiled whenever the configuration is read and a policy is reconciled, so
// compiled conditions are cached.
const conditionCacheSize = 512

var conditionCache struct {
	sync.Mutex
	conditions map[string]*Condition // by text
}

// KnownCondition is CompileCondition with a cache.
func KnownCondition(text string) (*Condition, error) {
	conditionCache.Lock()
	condition := conditionCache.conditions[text]
	conditionCache.Unlock()
	if condition != nil {
		return condition, nil
	}
	condition, err := CompileCondition(text)
	if err != nil {
		return nil, err
	}
	conditionCache.Lock()
	defer conditionCache.Unlock()
	if conditionCache.conditions == nil {
		conditionCache.conditions = make(map[string]*Condition, conditionCacheSize)
	}
	for other := range conditionCache.conditions {
		if len(conditionCache.conditions) < conditionCacheSize {
			break
		}
		delete(conditionCache.conditions, other) // any one: a condition in use is added again
	}
	conditionCache.conditions[text] = condition
	return condition, nil
}
