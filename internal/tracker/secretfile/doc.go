// Package secretfile reads files that are mounted from a Secret, such as keys and tokens, and reads
// them again when they change.
//
// It polls instead of watching: Kubernetes changes a mounted Secret by replacing a symbolic link,
// some file systems send no notifications, and a delay of a few seconds is harmless.
//
// The package knows nothing about the purpose of a file, and never logs its content.
package secretfile
