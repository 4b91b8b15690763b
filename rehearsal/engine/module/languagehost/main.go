// pulumi-language-python runs Python programs for the Pulumi engine.
//
// It serves the engine's LanguageRuntime protocol: start-up and shutdown are here, the calls in host.go,
// processes in process.go, the discovery of plugins in packages.go, installation in install.go.
// It refuses what generates code (GeneratePackage, GenerateProgram, GenerateProject, Pack, Link): those calls
// are answered as unimplemented.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/logging"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

// engineCheck is how often the host looks whether its engine is still there.
const engineCheck = 2 * time.Second

func main() {
	if err := serve(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-language-python:", err)
		os.Exit(1)
	}
}

// serve answers the engine until it hangs up or a signal comes. The engine interrupts its language hosts at the
// end of every run, so a signal is the ordinary way to end, and ends with status 0.
func serve(arguments []string) error {
	engine, err := parse(arguments)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if engine != "" {
		if err := rpcutil.Healthcheck(ctx, engine, engineCheck, stop); err != nil {
			return fmt.Errorf("reaching the engine at %s: %w", engine, err)
		}
	}

	host := newHost(engine)
	quit := make(chan bool)
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: quit,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, host)
			return nil
		},
	})
	if err != nil {
		return err
	}
	// The engine reads the port from the first line.
	fmt.Println(handle.Port)

	select {
	case <-ctx.Done():
		host.cancel()
		close(quit)
		// A call whose client has hung up does not keep the server, but its process is still to be ended.
		over := make(chan struct{})
		go func() {
			<-handle.Done
			host.running.Wait()
			close(over)
		}()
		select {
		case <-over:
		case <-time.After(childGrace + time.Second):
		}
		return nil
	case err := <-handle.Done:
		return err
	}
}

// parse reads the engine's address, the one positional argument, and the engine's logging flags. The project's
// runtime options arrive as flags too, but every call repeats them, and those are the ones used.
func parse(arguments []string) (string, error) {
	var engine string
	var toStderr, flow bool
	var verbosity int
	for _, argument := range arguments {
		if !strings.HasPrefix(argument, "-") {
			if engine != "" {
				return "", errors.New("expected one argument, the engine's address")
			}
			engine = argument
			continue
		}
		name, value, _ := strings.Cut(strings.TrimLeft(argument, "-"), "=")
		switch name {
		case "logtostderr":
			toStderr = value != "false"
		case "logflow":
			flow = value != "false"
		case "v":
			verbosity, _ = strconv.Atoi(value)
		}
	}
	logging.InitLogging(toStderr, verbosity, flow)
	return engine, nil
}
