// Package secretfile keeps what a file says, and follows it when it changes:
// keys and tokens that are mounted from a Secret.
//
// It looks at the file now and then instead of watching it: a mounted Secret
// changes by a link that is put in place of another, some file systems tell
// nobody, and a few seconds do not matter.
//
// Nothing about what the files are for lives here, and nothing of their content
// is ever logged.
package secretfile
