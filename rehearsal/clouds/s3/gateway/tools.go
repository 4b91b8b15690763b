//go:build tools

// Package gateway pins the S3 server's version.
package gateway

import _ "github.com/versity/versitygw/cmd/versitygw"
