package main

import (
	"os"
	"os/exec"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
)

// InstallDependencies makes the virtual environment and installs what the program's requirements.txt names. With
// `toolchain: pip` it uses uv where there is one: the outcome is pip's, in seconds, and neither the interpreter nor
// the environment needs to have pip or venv.
func (h *host) InstallDependencies(
	request *pulumirpc.InstallDependenciesRequest, server pulumirpc.LanguageRuntime_InstallDependenciesServer,
) error {
	chosen, err := readOptions(request.Info)
	if err != nil {
		return err
	}
	tools, err := toolchain.ResolveToolchain(chosen.python)
	if err != nil {
		return err
	}
	closer, stdout, stderr, err := rpcutil.MakeInstallDependenciesStreams(server, request.IsTerminal)
	if err != nil {
		return err
	}
	defer closer.Close()

	ctx := server.Context()
	environment, err := tools.VirtualEnvPath(ctx)
	if err != nil {
		return err
	}
	uv := findUv(environment)
	if chosen.python.Toolchain != toolchain.Pip || environment == "" || uv == "" {
		err = tools.InstallDependencies(
			ctx, request.Info.ProgramDirectory, request.UseLanguageVersionTools, true, stdout, stderr)
	} else {
		run := func(arguments ...string) error {
			command := exec.Command(uv, arguments...)
			command.Dir = request.Info.ProgramDirectory
			// One stream: this call's gRPC stream must not be written from two goroutines.
			command.Stdout, command.Stderr = stderr, stderr
			end, err := h.runToEnd(ctx, command)
			if err == nil && (end.status != 0 || end.signal != "") {
				err = &exec.Error{Name: uv, Err: exitError(end)}
			}
			return err
		}
		err = installWithUv(request.Info.ProgramDirectory, environment, run)
	}
	if err != nil {
		return err
	}
	return closer.Close()
}

func installWithUv(program, environment string, run func(...string) error) error {
	if !toolchain.IsVirtualEnv(environment) {
		python, _, err := toolchain.CommandPath()
		if err != nil {
			return err
		}
		if err := run("venv", "--python", python, environment); err != nil {
			return err
		}
	}
	requirements := filepath.Join(program, "requirements.txt")
	if _, err := os.Stat(requirements); err != nil {
		// Nothing to install is not an error.
		return nil
	}
	interpreter := filepath.Join(environment, "bin", "python")
	return run("pip", "install", "--python", interpreter, "--requirement", requirements)
}

// findUv looks in the virtual environment, then on PATH.
func findUv(environment string) string {
	if own := filepath.Join(environment, "bin", "uv"); environment != "" && isFile(own) {
		return own
	}
	found, err := exec.LookPath("uv")
	if err != nil {
		return ""
	}
	return found
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

type exitError outcome

func (e exitError) Error() string {
	if e.signal != "" {
		return "ended by signal: " + e.signal
	}
	return "it failed; its output is above"
}
