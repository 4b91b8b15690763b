// Command berth-helm drives Helm's own library: one JSON request on standard input, one JSON answer on
// standard output. Progress goes to standard error, a line each. SIGTERM or SIGINT cancels the operation.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"helm.sh/helm/v3/pkg/storage/driver"
)

// Answer is what the program prints. Kind is set where the caller may want to act on the error.
type Answer struct {
	Release *Release         `json:"release,omitempty"`
	Objects []map[string]any `json:"objects,omitempty"`
	Error   string           `json:"error,omitempty"`
	Kind    string           `json:"kind,omitempty"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(answer(ctx, os.Stdin, os.Stdout))
}

func answer(ctx context.Context, in io.Reader, out io.Writer) int {
	var request Request
	reader := json.NewDecoder(in)
	reader.DisallowUnknownFields()
	result, err := Answer{}, reader.Decode(&request)
	if err == nil {
		result, err = serve(ctx, &request)
	} else {
		err = fmt.Errorf("the request is not understood: %w", err)
	}
	status := 0
	if err != nil {
		result.Error, result.Kind, status = err.Error(), kindOf(ctx, err), 1
	}
	if err := json.NewEncoder(out).Encode(result); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}

func serve(ctx context.Context, request *Request) (Answer, error) {
	switch request.Action {
	case "install":
		return install(ctx, request)
	case "upgrade":
		return upgrade(ctx, request)
	case "rollback":
		return rollback(request)
	case "uninstall":
		return uninstall(request)
	case "status":
		return status(request)
	case "template":
		return template(ctx, request)
	}
	return Answer{}, fmt.Errorf("unknown action %q", request.Action)
}

func kindOf(ctx context.Context, err error) string {
	switch {
	case ctx.Err() != nil:
		return "cancelled"
	case errors.Is(err, driver.ErrReleaseNotFound), errors.Is(err, driver.ErrNoDeployedReleases):
		return "not-found"
	}
	return ""
}
