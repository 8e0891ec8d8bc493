package command

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/referral-operator/referral-operator/cmd/kubectl-referral/view"
)

// format is the flag --output.
type format struct {
	value   string
	allowed []string
	printer printers.ResourcePrinter // of this call: it separates the objects
}

func addFormat(cmd *cobra.Command, more ...string) *format {
	f := &format{allowed: append([]string{"json", "yaml", "wide"}, more...)}
	cmd.Flags().StringVarP(&f.value, "output", "o", "", "Output format: "+strings.Join(f.allowed, ", ")+"; text for people without it")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(f.allowed, cobra.ShellCompDirectiveNoFileComp))
	return f
}

// check refuses an unknown format before anything is sent.
func (f *format) check() error {
	if f.value == "" || slices.Contains(f.allowed, f.value) {
		return nil
	}
	return fmt.Errorf("unknown --output %q: one of %s", f.value, strings.Join(f.allowed, ", "))
}

// print prints an object as JSON or YAML if that is the format, and reports whether it was.
func (f *format) print(s *session, object runtime.Object) (bool, error) {
	switch {
	case f.value != "json" && f.value != "yaml":
		return false, nil
	case f.printer != nil:
	case f.value == "json":
		f.printer = &printers.JSONPrinter{}
	default:
		f.printer = &printers.YAMLPrinter{}
	}
	return true, (&printers.OmitManagedFieldsPrinter{Delegate: f.printer}).PrintObj(object, s.out)
}

// options are those of the output for people.
func (f *format) options(s *session) view.Options {
	return view.Options{Color: showsColors(s.out), Wide: f.value == "wide", Now: time.Now()}
}

// listOf is a list of objects of any kinds.
func listOf(objects ...*unstructured.Unstructured) *unstructured.UnstructuredList {
	list := &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": "v1", "kind": "List"}}
	for _, object := range objects {
		list.Items = append(list.Items, *object)
	}
	return list
}
