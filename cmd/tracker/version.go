package main

import built "github.com/referral-operator/referral-operator/internal/version"

func version() string { return built.String() }
