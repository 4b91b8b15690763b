package main

import (
	"fmt"
	"os"
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/cli"
	"helm.sh/helm/v3/pkg/downloader"
	"helm.sh/helm/v3/pkg/getter"
	"helm.sh/helm/v3/pkg/registry"
	"k8s.io/cli-runtime/pkg/genericclioptions"
)

// Request is one operation on one release. Kubeconfig is a path; Context may be empty.
type Request struct {
	Action     string `json:"action"`
	Kubeconfig string `json:"kubeconfig,omitempty"`
	Context    string `json:"context,omitempty"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name,omitempty"`

	Chart      string         `json:"chart,omitempty"`
	Version    string         `json:"version,omitempty"`
	Devel      bool           `json:"devel,omitempty"`
	Verify     bool           `json:"verify,omitempty"`
	Keyring    string         `json:"keyring,omitempty"`
	Repository Repository     `json:"repository"`
	Values     map[string]any `json:"values,omitempty"`

	CleanupOnFail     bool   `json:"cleanupOnFail,omitempty"`
	CreateNamespace   bool   `json:"createNamespace,omitempty"`
	DependencyUpdate  bool   `json:"dependencyUpdate,omitempty"`
	Description       string `json:"description,omitempty"`
	DisableHooks      bool   `json:"disableHooks,omitempty"`
	DisableValidation bool   `json:"disableValidation,omitempty"`
	DryRun            bool   `json:"dryRun,omitempty"`
	Force             bool   `json:"force,omitempty"`
	MaxHistory        int    `json:"maxHistory,omitempty"`
	RecreatePods      bool   `json:"recreatePods,omitempty"`
	Replace           bool   `json:"replace,omitempty"`
	ResetValues       bool   `json:"resetValues,omitempty"`
	ReuseValues       bool   `json:"reuseValues,omitempty"`
	SkipCRDs          bool   `json:"skipCrds,omitempty"`
	SubchartNotes     bool   `json:"subchartNotes,omitempty"`
	TakeOwnership     bool   `json:"takeOwnership,omitempty"`
	TimeoutSeconds    int    `json:"timeoutSeconds,omitempty"`
	Wait              bool   `json:"wait,omitempty"`
	WaitForJobs       bool   `json:"waitForJobs,omitempty"`

	APIVersions  []string `json:"apiVersions,omitempty"`
	KubeVersion  string   `json:"kubeVersion,omitempty"`
	IncludeTests bool     `json:"includeTests,omitempty"`
	IncludeHooks bool     `json:"includeHooks,omitempty"`
}

// Repository says where a chart that is not on disk comes from.
type Repository struct {
	URL      string `json:"url,omitempty"`
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	CAFile   string `json:"caFile,omitempty"`
	CertFile string `json:"certFile,omitempty"`
	KeyFile  string `json:"keyFile,omitempty"`
}

func (r *Request) timeout() time.Duration {
	return time.Duration(r.TimeoutSeconds) * time.Second
}

func (r *Request) configuration() (*action.Configuration, error) {
	flags := genericclioptions.NewConfigFlags(true).WithDiscoveryQPS(-1).WithDiscoveryBurst(300)
	flags.Namespace = &r.Namespace
	if r.Kubeconfig != "" {
		flags.KubeConfig = &r.Kubeconfig
	}
	if r.Context != "" {
		flags.Context = &r.Context
	}
	config := new(action.Configuration)
	say := func(format string, values ...any) { fmt.Fprintf(os.Stderr, format+"\n", values...) }
	if err := config.Init(flags, r.Namespace, os.Getenv("HELM_DRIVER"), say); err != nil {
		return nil, err
	}
	client, err := registry.NewClient(registry.ClientOptWriter(os.Stderr))
	if err != nil {
		return nil, err
	}
	config.RegistryClient = client
	return config, nil
}

func (r *Request) source(options *action.ChartPathOptions) {
	options.Version = r.Version
	if options.Version == "" && r.Devel {
		options.Version = ">0.0.0-0"
	}
	options.Verify = r.Verify
	if r.Keyring != "" {
		options.Keyring = r.Keyring
	}
	options.RepoURL = r.Repository.URL
	options.Username = r.Repository.Username
	options.Password = r.Repository.Password
	options.CaFile = r.Repository.CAFile
	options.CertFile = r.Repository.CertFile
	options.KeyFile = r.Repository.KeyFile
}

// load finds the chart on disk or fetches it, and brings its dependencies where that is asked for.
func (r *Request) load(options *action.ChartPathOptions) (*chart.Chart, error) {
	r.source(options)
	settings := cli.New()
	path, err := options.LocateChart(r.Chart, settings)
	if err != nil {
		return nil, err
	}
	found, err := loader.Load(path)
	if err != nil {
		return nil, fmt.Errorf("the chart at %s cannot be loaded: %w", path, err)
	}
	if kind := found.Metadata.Type; kind != "" && kind != "application" {
		return nil, fmt.Errorf("the chart %s is of type %q and cannot be installed", found.Name(), kind)
	}
	if err := action.CheckDependencies(found, found.Metadata.Dependencies); err != nil {
		if !r.DependencyUpdate {
			return nil, fmt.Errorf("%w (set dependencyUpdate, or run `helm dependency update %s`)", err, path)
		}
		manager := &downloader.Manager{
			Out:              os.Stderr,
			ChartPath:        path,
			Keyring:          options.Keyring,
			Getters:          getter.All(settings),
			RepositoryConfig: settings.RepositoryConfig,
			RepositoryCache:  settings.RepositoryCache,
		}
		if err := manager.Update(); err != nil {
			return nil, err
		}
		return loader.Load(path)
	}
	return found, nil
}

func (r *Request) kubeVersion() (*chartutil.KubeVersion, error) {
	if r.KubeVersion == "" {
		return nil, nil
	}
	return chartutil.ParseKubeVersion(r.KubeVersion)
}
