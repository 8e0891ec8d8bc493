package main

import built "github.com/referral-operator/referral-operator/internal/version"

// stamped is set by the linker (-X main.stamped=v1.2.3) in releases.
var stamped string

func version() string { return built.Of(stamped) }
