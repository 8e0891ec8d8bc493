package v1alpha1_test

import "sigs.k8s.io/controller-runtime/pkg/client"

func converts(object client.Object, _ string) error { return nil }
