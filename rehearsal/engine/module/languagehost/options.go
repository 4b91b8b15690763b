package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
)

// options are the `runtime.options` of a Pulumi.yaml, PulumiPlugin.yaml or PulumiPolicy.yaml.
type options struct {
	Info        *pulumirpc.ProgramInfo
	python      toolchain.PythonOptions
	typechecker string
}

// readOptions names the option and its valid values where one is wrong.
func readOptions(info *pulumirpc.ProgramInfo) (options, error) {
	chosen := options{Info: info}
	if info == nil {
		return chosen, fmt.Errorf("the engine did not say which program it means: it is older than this language host")
	}
	chosen.python = toolchain.PythonOptions{Root: info.RootDirectory, ProgramDir: info.ProgramDirectory}
	fields := info.Options.GetFields()
	text := func(name string) (string, error) {
		value, set := fields[name]
		if !set {
			return "", nil
		}
		content, ok := value.AsInterface().(string)
		if !ok {
			return "", fmt.Errorf("the runtime option %q must be text, for example `%s: .venv`", name, name)
		}
		return content, nil
	}
	var err error
	if chosen.python.Virtualenv, err = text("virtualenv"); err != nil {
		return chosen, err
	}
	name, err := text("toolchain")
	if err != nil {
		return chosen, err
	}
	switch name {
	case "", "pip":
		chosen.python.Toolchain = toolchain.Pip
	case "poetry":
		chosen.python.Toolchain = toolchain.Poetry
	case "uv":
		chosen.python.Toolchain = toolchain.Uv
	default:
		return chosen, fmt.Errorf("the runtime option toolchain is %q; it must be pip, poetry or uv", name)
	}
	if chosen.typechecker, err = text("typechecker"); err != nil {
		return chosen, err
	}
	switch chosen.typechecker {
	case "", "mypy", "pyright":
	default:
		return chosen, fmt.Errorf("the runtime option typechecker is %q; it must be mypy or pyright", chosen.typechecker)
	}
	return chosen, nil
}

// tools are the toolchain's, with a virtual environment that exists.
func (o options) tools(ctx context.Context) (toolchain.Toolchain, error) {
	tools, err := toolchain.ResolveToolchain(o.python)
	if err != nil {
		return nil, err
	}
	return tools, tools.ValidateVenv(ctx)
}

// environment is what a command will see: its own, or this process's.
func environment(command *exec.Cmd) []string {
	if command.Env != nil {
		return command.Env
	}
	return os.Environ()
}

// activation is the part of a command's environment that its virtual environment brings.
func activation(command *exec.Cmd) []string {
	var brought []string
	for _, entry := range command.Env {
		if strings.HasPrefix(entry, "PATH=") || strings.HasPrefix(entry, "VIRTUAL_ENV=") {
			brought = append(brought, entry)
		}
	}
	return brought
}

// besideThisProgram finds a program in this program's directory, else on PATH.
func besideThisProgram(name string) (string, error) {
	if self, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(self); err == nil {
			self = real
		}
		candidate := filepath.Join(filepath.Dir(self), name)
		if _, err := os.Stat(candidate); err == nil {
			return candidate, nil
		}
	}
	found, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is neither beside pulumi-language-python nor on PATH", name)
	}
	return found, nil
}

func moduleName(distribution string) string {
	return strings.ReplaceAll(distribution, "-", "_")
}
