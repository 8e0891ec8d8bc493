package edge

// Parsers of what anybody sends, for fuzzing.
var Parameter = parameter

// TidyAddress takes an address apart and puts it together again.
func TidyAddress(text string) string { return parseAddress(text).String() }
