package main

import (
	"context"
	"errors"
	"fmt"
	"sort"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"
	"helm.sh/helm/v3/pkg/storage/driver"
	"sigs.k8s.io/yaml"
)

// Release is what is known of a release; Objects are those of its manifest, without hooks.
type Release struct {
	Name        string           `json:"name"`
	Namespace   string           `json:"namespace"`
	Revision    int              `json:"revision"`
	Status      string           `json:"status"`
	Description string           `json:"description,omitempty"`
	Chart       string           `json:"chart,omitempty"`
	Version     string           `json:"version,omitempty"`
	AppVersion  string           `json:"appVersion,omitempty"`
	Notes       string           `json:"notes,omitempty"`
	Values      map[string]any   `json:"values"`
	Objects     []map[string]any `json:"objects"`
}

func install(ctx context.Context, r *Request) (Answer, error) {
	config, err := r.configuration()
	if err != nil {
		return Answer{}, err
	}
	run := action.NewInstall(config)
	run.SetRegistryClient(config.RegistryClient)
	chart, err := r.load(&run.ChartPathOptions)
	if err != nil {
		return Answer{}, err
	}
	run.ReleaseName, run.Namespace, run.CreateNamespace = r.Name, r.Namespace, r.CreateNamespace
	run.Wait, run.WaitForJobs, run.Timeout = r.Wait, r.WaitForJobs, r.timeout()
	run.SkipCRDs, run.DisableHooks, run.Replace, run.Force = r.SkipCRDs, r.DisableHooks, r.Replace, r.Force
	run.SubNotes, run.Description, run.TakeOwnership = r.SubchartNotes, r.Description, r.TakeOwnership
	run.DisableOpenAPIValidation = r.DisableValidation
	if r.DryRun {
		run.DryRun, run.DryRunOption = true, "server"
	}
	return outcome(run.RunWithContext(ctx, chart, r.Values))
}

func upgrade(ctx context.Context, r *Request) (Answer, error) {
	config, err := r.configuration()
	if err != nil {
		return Answer{}, err
	}
	run := action.NewUpgrade(config)
	run.SetRegistryClient(config.RegistryClient)
	chart, err := r.load(&run.ChartPathOptions)
	if err != nil {
		return Answer{}, err
	}
	run.Namespace, run.MaxHistory, run.CleanupOnFail = r.Namespace, r.MaxHistory, r.CleanupOnFail
	run.Wait, run.WaitForJobs, run.Timeout = r.Wait, r.WaitForJobs, r.timeout()
	run.SkipCRDs, run.DisableHooks, run.Recreate, run.Force = r.SkipCRDs, r.DisableHooks, r.RecreatePods, r.Force
	run.SubNotes, run.Description, run.TakeOwnership = r.SubchartNotes, r.Description, r.TakeOwnership
	run.ResetValues, run.ReuseValues = r.ResetValues, r.ReuseValues
	run.DisableOpenAPIValidation = r.DisableValidation
	if r.DryRun {
		run.DryRun, run.DryRunOption = true, "server"
	}
	return outcome(run.RunWithContext(ctx, r.Name, chart, r.Values))
}

// rollback returns to the newest revision that worked, and waits for it.
func rollback(r *Request) (Answer, error) {
	config, err := r.configuration()
	if err != nil {
		return Answer{}, err
	}
	revisions, err := action.NewHistory(config).Run(r.Name)
	if err != nil {
		return Answer{}, err
	}
	target := 0
	for _, one := range revisions {
		worked := one.Info.Status == release.StatusDeployed || one.Info.Status == release.StatusSuperseded
		if worked && one.Version > target {
			target = one.Version
		}
	}
	if target == 0 {
		return Answer{}, fmt.Errorf("no revision of %s has worked yet, so there is nothing to return to", r.Name)
	}
	run := action.NewRollback(config)
	run.Version, run.Wait, run.WaitForJobs, run.Timeout = target, r.Wait, r.WaitForJobs, r.timeout()
	run.DisableHooks, run.Recreate, run.Force = r.DisableHooks, r.RecreatePods, r.Force
	run.CleanupOnFail, run.MaxHistory = r.CleanupOnFail, r.MaxHistory
	if err := run.Run(r.Name); err != nil {
		return Answer{}, err
	}
	return outcome(action.NewStatus(config).Run(r.Name))
}

// uninstall succeeds where the release is already gone.
func uninstall(r *Request) (Answer, error) {
	config, err := r.configuration()
	if err != nil {
		return Answer{}, err
	}
	run := action.NewUninstall(config)
	run.DisableHooks, run.Wait, run.Timeout, run.DeletionPropagation = r.DisableHooks, r.Wait, r.timeout(), "foreground"
	found, err := run.Run(r.Name)
	if errors.Is(err, driver.ErrReleaseNotFound) {
		return Answer{}, nil
	}
	if found == nil {
		return Answer{}, err
	}
	return outcome(found.Release, err)
}

func status(r *Request) (Answer, error) {
	config, err := r.configuration()
	if err != nil {
		return Answer{}, err
	}
	return outcome(action.NewStatus(config).Run(r.Name))
}

// outcome describes a release even where the operation on it failed.
func outcome(found *release.Release, err error) (Answer, error) {
	if found == nil {
		return Answer{}, err
	}
	objects, broken := parse(found.Manifest)
	if broken != nil && err == nil {
		err = broken
	}
	described := Release{
		Name: found.Name, Namespace: found.Namespace, Revision: found.Version, Values: found.Config, Objects: objects,
	}
	if found.Info != nil {
		described.Status, described.Description = found.Info.Status.String(), found.Info.Description
		described.Notes = found.Info.Notes
	}
	if found.Chart != nil && found.Chart.Metadata != nil {
		meta := found.Chart.Metadata
		described.Chart, described.Version, described.AppVersion = meta.Name, meta.Version, meta.AppVersion
	}
	return Answer{Release: &described}, err
}

// parse reads the documents of a manifest in their order.
func parse(manifest string) ([]map[string]any, error) {
	documents := releaseutil.SplitManifests(manifest)
	keys := make([]string, 0, len(documents))
	for key := range documents {
		keys = append(keys, key)
	}
	sort.Sort(releaseutil.BySplitManifestsOrder(keys))
	objects := []map[string]any{}
	for _, key := range keys {
		object := map[string]any{}
		if err := yaml.Unmarshal([]byte(documents[key]), &object); err != nil {
			return nil, fmt.Errorf("the chart renders a document that is no YAML: %w", err)
		}
		if len(object) > 0 {
			objects = append(objects, object)
		}
	}
	return objects, nil
}
