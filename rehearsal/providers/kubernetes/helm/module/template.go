package main

import (
	"context"
	"slices"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/release"
)

// template renders a chart without a cluster: CRDs first, then the manifest, then the hooks asked for.
func template(ctx context.Context, r *Request) (Answer, error) {
	config := &action.Configuration{Log: func(string, ...any) {}}
	full, err := r.configuration()
	if err != nil {
		return Answer{}, err
	}
	config.RegistryClient = full.RegistryClient
	run := action.NewInstall(config)
	run.SetRegistryClient(config.RegistryClient)
	chart, err := r.load(&run.ChartPathOptions)
	if err != nil {
		return Answer{}, err
	}
	if run.KubeVersion, err = r.kubeVersion(); err != nil {
		return Answer{}, err
	}
	run.DryRun, run.ClientOnly, run.Replace, run.IncludeCRDs = true, true, true, !r.SkipCRDs
	run.ReleaseName, run.Namespace = r.Name, r.Namespace
	run.APIVersions = chartutil.VersionSet(r.APIVersions)
	rendered, err := run.RunWithContext(ctx, chart, r.Values)
	if err != nil {
		return Answer{}, err
	}
	objects, err := parse(rendered.Manifest)
	if err != nil {
		return Answer{}, err
	}
	for _, hook := range rendered.Hooks {
		if !wanted(r, hook) {
			continue
		}
		more, err := parse(hook.Manifest)
		if err != nil {
			return Answer{}, err
		}
		objects = append(objects, more...)
	}
	return Answer{Objects: objects}, nil
}

func wanted(r *Request, hook *release.Hook) bool {
	if slices.Contains(hook.Events, release.HookTest) {
		return r.IncludeTests
	}
	return r.IncludeHooks
}
