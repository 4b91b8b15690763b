//go:build tools

// Package controllers pins the version of metrics-server.
package controllers

import _ "sigs.k8s.io/metrics-server/cmd/metrics-server"
