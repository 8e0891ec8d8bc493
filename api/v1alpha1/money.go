package v1alpha1

// Money is an amount above zero in one currency.
type Money struct {
	// amount is a plain decimal number above zero, as a string: "5.00". It may have as many
	// decimals as its currency has (two for USD, none for JPY), and at most 14 digits before the
	// point, so that it always fits the database.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^(0|[1-9][0-9]{0,13})([.][0-9]{1,4})?$`
	// +kubebuilder:validation:XValidation:rule="self.matches('^(0|[1-9][0-9]{0,13})([.][0-9]{1,4})?$') && self.matches('[1-9]')",message="must be a plain decimal number above zero with at most 14 digits before the point and 4 after it, such as 5.00"
	Amount string `json:"amount"`

	// currency is the ISO 4217 code, three capital letters.
	//
	// +required
	// +kubebuilder:validation:MaxLength=3
	// +kubebuilder:validation:Pattern=`^[A-Z]{3}$`
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Z]{3}$')",message="must be a currency code of three capital letters, such as USD"
	Currency string `json:"currency"`
}
