package v1alpha1

import (
	"encoding/json"
	"fmt"
	"time"
)

// Duration is a length of time above zero, in whole hours, minutes and seconds, such as 720h or
// 1h30m.
//
// Unlike metav1.Duration it has rules under which UnmarshalJSON decodes whatever the API server
// accepts. It has no days and weeks on purpose: 24h is always 24h, a day is not.
//
// +kubebuilder:validation:Type=string
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:Pattern=`^([0-9]{1,6}h)?([0-9]{1,8}m)?([0-9]{1,9}s)?$`
// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}h)?([0-9]{1,8}m)?([0-9]{1,9}s)?$') && size(self) > 0 && duration(self) > duration('0s') && duration(self) <= duration('87600h')",message="must be a duration above zero and of at most ten years (87600h), in whole hours, minutes and seconds, such as 720h or 1h30m"
type Duration struct {
	time.Duration `json:"-"`
}

// MarshalJSON writes the duration the way time.Duration prints it, such as "720h0m0s".
func (d Duration) MarshalJSON() ([]byte, error) {
	return json.Marshal(d.String())
}

// UnmarshalJSON reads whatever time.ParseDuration reads, which is more than the API server accepts.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("while decoding a duration: %w", err)
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("while decoding a duration: %w", err)
	}
	d.Duration = parsed
	return nil
}
