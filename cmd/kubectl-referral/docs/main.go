// Command docs writes a page of documentation for each command of kubectl-referral.
package main

func main() {}
