package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/version"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
	"google.golang.org/protobuf/types/known/emptypb"
)

// alreadyReported is the exit status of pulumi-language-python-exec after it has shown the program's error.
const alreadyReported = 32

// host is the language runtime. cancelled ends when the engine asks to stop, or is gone.
type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
	engine    string
	cancelled context.Context
	cancel    context.CancelFunc
	running   sync.WaitGroup
}

func newHost(engine string) *host {
	ctx, cancel := context.WithCancel(context.Background())
	return &host{engine: engine, cancelled: ctx, cancel: cancel}
}

func (h *host) Handshake(
	_ context.Context, request *pulumirpc.LanguageHandshakeRequest,
) (*pulumirpc.LanguageHandshakeResponse, error) {
	if request.EngineAddress != "" {
		h.engine = request.EngineAddress
	}
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

func (h *host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: version.Version}, nil
}

func (h *host) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	h.cancel()
	return &emptypb.Empty{}, nil
}

// Run executes the program to its end. A failure that the user has already been shown is answered with Bail.
func (h *host) Run(ctx context.Context, request *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	if request.AttachDebugger {
		return nil, fmt.Errorf("--attach-debugger is not supported by this language host")
	}
	chosen, err := readOptions(request.Info)
	if err != nil {
		return nil, err
	}
	tools, err := chosen.tools(ctx)
	if err != nil {
		return nil, err
	}
	if failure := h.typecheck(ctx, chosen, tools); failure != "" {
		return &pulumirpc.RunResponse{Error: failure}, nil
	}
	executor, err := besideThisProgram("pulumi-language-python-exec")
	if err != nil {
		return nil, err
	}
	settings, err := configuration(request)
	if err != nil {
		return nil, err
	}

	arguments := []string{
		"-u", executor,
		"--monitor", request.MonitorAddress,
		"--engine", h.engine,
		"--project", request.Project,
		"--root_directory", request.Info.RootDirectory,
		"--stack", request.Stack,
		"--organization", request.Organization,
		"--pwd", request.Info.ProgramDirectory,
		"--dry_run", strconv.FormatBool(request.DryRun),
		"--parallel", strconv.Itoa(int(request.Parallel)),
		request.Info.EntryPoint,
	}
	command, err := tools.Command(ctx, append(arguments, request.Args...)...)
	if err != nil {
		return nil, err
	}
	command.Dir = request.Info.ProgramDirectory
	command.Env = append(environment(command), settings...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr

	end, err := h.runToEnd(ctx, command)
	switch {
	case err != nil:
		return nil, err
	case end.cancelled || end.status == alreadyReported:
		return &pulumirpc.RunResponse{Bail: true}, nil
	case end.signal != "":
		return &pulumirpc.RunResponse{Error: "the program was ended by a signal: " + end.signal}, nil
	case end.status != 0:
		return &pulumirpc.RunResponse{
			Error: fmt.Sprintf("Program exited with non-zero exit code: %d", end.status),
		}, nil
	}
	return &pulumirpc.RunResponse{}, nil
}

// configuration is the stack's, as environment variables. The program needs an object and a list: what protobuf
// leaves out when it is empty must not become null.
func configuration(request *pulumirpc.RunRequest) ([]string, error) {
	config := map[string]string{}
	maps.Copy(config, request.Config)
	encodedConfig, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	encodedKeys, err := json.Marshal(append([]string{}, request.ConfigSecretKeys...))
	if err != nil {
		return nil, err
	}
	return []string{
		"PULUMI_CONFIG=" + string(encodedConfig), "PULUMI_CONFIG_SECRET_KEYS=" + string(encodedKeys),
	}, nil
}

func (h *host) typecheck(ctx context.Context, chosen options, tools toolchain.Toolchain) string {
	if chosen.typechecker == "" {
		return ""
	}
	command, err := tools.ModuleCommand(ctx, chosen.typechecker, chosen.Info.ProgramDirectory)
	if err != nil {
		return err.Error()
	}
	command.Dir = chosen.Info.RootDirectory
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	end, err := h.runToEnd(ctx, command)
	if err != nil {
		return err.Error()
	}
	if end.status != 0 || end.signal != "" {
		return chosen.typechecker + " found errors in the program"
	}
	return ""
}

// RunPlugin executes a plugin written in Python, from its directory or as an installed package, until it ends or
// the engine hangs up.
func (h *host) RunPlugin(
	request *pulumirpc.RunPluginRequest, server pulumirpc.LanguageRuntime_RunPluginServer,
) error {
	if request.AttachDebugger {
		return fmt.Errorf("--attach-debugger is not supported by this language host")
	}
	ctx := server.Context()
	chosen, err := readOptions(request.Info)
	if err != nil {
		return err
	}
	tools, err := chosen.tools(ctx)
	if err != nil {
		return err
	}
	where := request.Info.ProgramDirectory
	target := []string{"-u", filepath.Join(where, request.Info.EntryPoint)}
	if packaged, err := toolchain.IsBuildablePackage(where); err != nil {
		return err
	} else if packaged {
		project, err := toolchain.LoadPyproject(where)
		if err != nil {
			return err
		}
		target = []string{"-u", "-m", moduleName(project.Project.Name)}
	}
	command, err := tools.Command(ctx, append(target, request.Args...)...)
	if err != nil {
		return err
	}
	command.Dir = request.Pwd
	// Later entries win: what the engine asks for, then what the virtual environment needs.
	command.Env = append(append(os.Environ(), request.Env...), activation(command)...)

	out := &pluginStream{server: server}
	command.Stdout, command.Stderr = out.stdout(), out.stderr()
	end, err := h.runToEnd(ctx, command)
	if err != nil {
		return err
	}
	return out.exit(end.status)
}

func (h *host) About(ctx context.Context, request *pulumirpc.AboutRequest) (*pulumirpc.AboutResponse, error) {
	chosen, err := readOptions(request.Info)
	if err != nil {
		return nil, err
	}
	tools, err := chosen.tools(ctx)
	if err != nil {
		return nil, err
	}
	about, err := tools.About(ctx)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.AboutResponse{
		Executable: about.Executable,
		Version:    about.Version,
		Metadata:   map[string]string{"toolchain": toolchain.Name(chosen.python.Toolchain)},
	}, nil
}

// RuntimeOptionsPrompts asks, for `pulumi new`, which tool installs the dependencies.
func (h *host) RuntimeOptionsPrompts(
	_ context.Context, request *pulumirpc.RuntimeOptionsRequest,
) (*pulumirpc.RuntimeOptionsResponse, error) {
	if _, answered := request.Info.GetOptions().GetFields()["toolchain"]; answered {
		return &pulumirpc.RuntimeOptionsResponse{}, nil
	}
	choice := func(name string) *pulumirpc.RuntimeOptionPrompt_RuntimeOptionValue {
		return &pulumirpc.RuntimeOptionPrompt_RuntimeOptionValue{
			PromptType: pulumirpc.RuntimeOptionPrompt_STRING, StringValue: name, DisplayName: name,
		}
	}
	return &pulumirpc.RuntimeOptionsResponse{Prompts: []*pulumirpc.RuntimeOptionPrompt{{
		Key:         "toolchain",
		Description: "The toolchain to use for installing dependencies and running the program",
		PromptType:  pulumirpc.RuntimeOptionPrompt_STRING,
		Choices: []*pulumirpc.RuntimeOptionPrompt_RuntimeOptionValue{
			choice("pip"), choice("poetry"), choice("uv"),
		},
		Default: choice("pip"),
	}}}, nil
}
