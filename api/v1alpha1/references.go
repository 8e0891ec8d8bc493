package v1alpha1

// ObjectReference names an object of a known kind in the same namespace.
type ObjectReference struct {
	// name of the object, in the namespace of the object that refers to it.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of an object in the same namespace: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit"
	Name string `json:"name"`
}

// URISecretReference names the key of a Secret that holds a Postgres connection URI.
type URISecretReference struct {
	ObjectReference `json:",inline"`

	// key of the Secret's data that holds the URI.
	//
	// +optional
	// +kubebuilder:default=uri
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$')",message="must be a key of a Secret: letters, digits, '-', '_' and '.'"
	Key string `json:"key,omitempty"`
}

// CASecretReference names the key of a Secret that holds certificates in PEM form.
type CASecretReference struct {
	ObjectReference `json:",inline"`

	// key of the Secret's data that holds the certificates.
	//
	// +optional
	// +kubebuilder:default="ca.crt"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$')",message="must be a key of a Secret: letters, digits, '-', '_' and '.'"
	Key string `json:"key,omitempty"`
}
