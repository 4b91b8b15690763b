package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
)

// pluginFile is what every Pulumi SDK for Python ships beside its code: which plugin it needs.
type pluginFile struct {
	Resource         bool   `json:"resource"`
	Name             string `json:"name"`
	Version          string `json:"version"`
	Server           string `json:"server"`
	Parameterization *struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		Value   []byte `json:"value"`
	} `json:"parameterization"`
}

// GetRequiredPackages lists the plugins of the installed SDKs. It reads files only: starting an interpreter, as pip
// would, costs a second in every run.
func (h *host) GetRequiredPackages(
	ctx context.Context, request *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	folders, err := searchFolders(ctx, request.Info)
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.GetRequiredPackagesResponse{}
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*", "pulumi-plugin.json"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			required, err := readPlugin(file)
			if err != nil {
				return nil, err
			}
			if required != nil {
				response.Packages = append(response.Packages, required)
			}
		}
	}
	return response, nil
}

func readPlugin(file string) (*pulumirpc.PackageDependency, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var plugin pluginFile
	if err := json.Unmarshal(content, &plugin); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	if !plugin.Resource {
		return nil, nil
	}
	folder := filepath.Base(filepath.Dir(file))
	if plugin.Name == "" {
		plugin.Name = strings.ReplaceAll(strings.TrimPrefix(folder, "pulumi_"), "_", "-")
	}
	if plugin.Version == "" {
		plugin.Version = installedVersion(filepath.Dir(filepath.Dir(file)), folder)
	}
	required := &pulumirpc.PackageDependency{
		Name: plugin.Name, Kind: "resource", Version: plugin.Version, Server: plugin.Server,
	}
	if p := plugin.Parameterization; p != nil {
		required.Parameterization = &pulumirpc.PackageParameterization{
			Name: p.Name, Version: p.Version, Value: p.Value,
		}
	}
	return required, nil
}

// distribution is an installed package, as its METADATA file describes it.
type distribution struct {
	name, version string
	requires      []string
}

// GetProgramDependencies lists the installed packages; without the transitive ones, those that no other needs.
func (h *host) GetProgramDependencies(
	ctx context.Context, request *pulumirpc.GetProgramDependenciesRequest,
) (*pulumirpc.GetProgramDependenciesResponse, error) {
	folders, err := searchFolders(ctx, request.Info)
	if err != nil {
		return nil, err
	}
	var installed []distribution
	needed := map[string]bool{}
	for _, folder := range folders {
		found, err := distributions(folder)
		if err != nil {
			return nil, err
		}
		for _, one := range found {
			installed = append(installed, one)
			for _, name := range one.requires {
				needed[name] = true
			}
		}
	}
	response := &pulumirpc.GetProgramDependenciesResponse{}
	for _, one := range installed {
		if request.TransitiveDependencies || !needed[normalized(one.name)] {
			response.Dependencies = append(response.Dependencies,
				&pulumirpc.DependencyInfo{Name: one.name, Version: one.version})
		}
	}
	slices.SortFunc(response.Dependencies, func(a, b *pulumirpc.DependencyInfo) int {
		return strings.Compare(a.Name, b.Name)
	})
	return response, nil
}

func distributions(folder string) ([]distribution, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.dist-info", "METADATA"))
	if err != nil {
		return nil, err
	}
	var found []distribution
	for _, file := range files {
		one, err := readMetadata(file)
		if err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	return found, nil
}

func installedVersion(folder, module string) string {
	found, err := distributions(folder)
	if err != nil {
		return ""
	}
	for _, one := range found {
		if normalized(one.name) == normalized(module) {
			return one.version
		}
	}
	return ""
}

// readMetadata reads the headers (packaging.python.org, core metadata); a blank line ends them. Requirements of
// extras are left out.
func readMetadata(file string) (distribution, error) {
	var one distribution
	content, err := os.Open(file)
	if err != nil {
		return one, err
	}
	defer content.Close()
	lines := bufio.NewScanner(content)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() && lines.Text() != "" {
		header, value, _ := strings.Cut(lines.Text(), ": ")
		switch header {
		case "Name":
			one.name = value
		case "Version":
			one.version = value
		case "Requires-Dist":
			requirement, condition, _ := strings.Cut(value, ";")
			if !strings.Contains(condition, "extra") {
				end := strings.IndexAny(requirement, " ([<>=!~")
				if end < 0 {
					end = len(requirement)
				}
				one.requires = append(one.requires, normalized(requirement[:end]))
			}
		}
	}
	return one, lines.Err()
}

// normalized is a distribution's name as comparisons need it (packaging.python.org, name normalization).
func normalized(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '.' {
			return '-'
		}
		return r
	}, strings.ToLower(strings.TrimSpace(name)))
}

// searchFolders are the directories that hold the program's packages: those of its virtual environment, and what
// editable installs add to them; without one, those of the interpreter on PATH.
func searchFolders(ctx context.Context, info *pulumirpc.ProgramInfo) ([]string, error) {
	chosen, err := readOptions(info)
	if err != nil {
		return nil, err
	}
	tools, err := chosen.tools(ctx)
	if err != nil {
		return nil, err
	}
	environment, err := tools.VirtualEnvPath(ctx)
	if err != nil {
		return nil, err
	}
	if environment == "" {
		return interpreterFolders(ctx, tools)
	}
	folders, err := filepath.Glob(filepath.Join(environment, "lib", "python3*", "site-packages"))
	if err != nil {
		return nil, err
	}
	for _, folder := range slices.Clone(folders) {
		editable, err := editableFolders(folder)
		if err != nil {
			return nil, err
		}
		folders = append(folders, editable...)
	}
	return folders, nil
}

func editableFolders(folder string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.pth"))
	if err != nil {
		return nil, err
	}
	var folders []string
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, line := range strings.Split(string(content), "\n") {
			if line = strings.TrimSpace(line); filepath.IsAbs(line) {
				folders = append(folders, line)
			}
		}
	}
	return folders, nil
}

func interpreterFolders(ctx context.Context, tools toolchain.Toolchain) ([]string, error) {
	command, err := tools.Command(ctx, "-c", "import sys; print(*filter(None, sys.path), sep='\\n')")
	if err != nil {
		return nil, err
	}
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("asking %s for its packages: %w", command.Path, err)
	}
	return strings.Split(strings.TrimSpace(string(output)), "\n"), nil
}
