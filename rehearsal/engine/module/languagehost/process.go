package main

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// childGrace is how long a process may take to end after it was asked to. The engine kills a language host that
// takes more than five seconds itself.
const childGrace = 3 * time.Second

// outcome says how a process ended.
type outcome struct {
	status    int
	signal    string
	cancelled bool
}

// runToEnd runs a process in a group of its own, so that the interrupt which the engine sends to this host's group
// does not turn into a KeyboardInterrupt traceback, and ends the group when the call or the host is cancelled.
func (h *host) runToEnd(ctx context.Context, command *exec.Cmd) (outcome, error) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// A stream that a grandchild keeps open must not keep us waiting.
	command.WaitDelay = childGrace
	h.running.Add(1)
	defer h.running.Done()
	if err := command.Start(); err != nil {
		return outcome{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()

	var result outcome
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		result.cancelled = true
	case <-h.cancelled.Done():
		result.cancelled = true
	}
	if result.cancelled {
		err = endGroup(command.Process.Pid, ended)
	}

	var failed *exec.ExitError
	switch {
	case err == nil || errors.Is(err, exec.ErrWaitDelay):
	case errors.As(err, &failed):
		result.status = failed.ExitCode()
		if state, ok := failed.Sys().(syscall.WaitStatus); ok && state.Signaled() {
			result.signal = state.Signal().String()
		}
	default:
		return result, err
	}
	return result, nil
}

func endGroup(pid int, ended <-chan error) error {
	// The group may have ended already: then there is nobody to tell.
	_ = syscall.Kill(-pid, syscall.SIGTERM)
	select {
	case err := <-ended:
		return err
	case <-time.After(childGrace):
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		return <-ended
	}
}

// pluginStream sends a plugin's two outputs and its exit status over one gRPC stream, one message at a time.
type pluginStream struct {
	server pulumirpc.LanguageRuntime_RunPluginServer
	guard  sync.Mutex
}

type writer func([]byte) error

func (w writer) Write(block []byte) (int, error) {
	if err := w(block); err != nil {
		return 0, err
	}
	return len(block), nil
}

func (s *pluginStream) send(message *pulumirpc.RunPluginResponse) error {
	s.guard.Lock()
	defer s.guard.Unlock()
	return s.server.Send(message)
}

func (s *pluginStream) stdout() io.Writer {
	return writer(func(block []byte) error {
		return s.send(&pulumirpc.RunPluginResponse{Output: &pulumirpc.RunPluginResponse_Stdout{Stdout: block}})
	})
}

func (s *pluginStream) stderr() io.Writer {
	return writer(func(block []byte) error {
		return s.send(&pulumirpc.RunPluginResponse{Output: &pulumirpc.RunPluginResponse_Stderr{Stderr: block}})
	})
}

func (s *pluginStream) exit(status int) error {
	return s.send(&pulumirpc.RunPluginResponse{
		Output: &pulumirpc.RunPluginResponse_Exitcode{Exitcode: int32(status)},
	})
}
