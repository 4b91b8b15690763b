// The rehearsal's storage class: each claim gets a directory of its own on this node, and loses it when deleted.
//
// Volumes are of the kind "local", not "hostPath", because the kubelet applies a pod's fsGroup to the former only.
// As with a cloud's disks, a volume belongs to root until then, and only one node can mount it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

type provisioner struct {
	root string
}

func (p provisioner) Provision(
	_ context.Context, options controller.ProvisionOptions,
) (*v1.PersistentVolume, controller.ProvisioningState, error) {
	claim := options.PVC
	if options.SelectedNodeName == "" {
		return nil, controller.ProvisioningFinished, errors.New("no node was selected: use WaitForFirstConsumer")
	}
	if claim.Spec.Selector != nil {
		return nil, controller.ProvisioningFinished, errors.New("a selector cannot be honoured by a new volume")
	}
	for _, shared := range []v1.PersistentVolumeAccessMode{v1.ReadWriteMany, v1.ReadOnlyMany} {
		if slices.Contains(claim.Spec.AccessModes, shared) {
			return nil, controller.ProvisioningFinished,
				fmt.Errorf("access mode %s is not offered: use ReadWriteOnce or ReadWriteOncePod", shared)
		}
	}
	directory, err := p.directory(options.PVName)
	if err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	if err := os.Mkdir(directory, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, controller.ProvisioningFinished, err
	}
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: v1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   claim.Spec.AccessModes,
			VolumeMode:                    claim.Spec.VolumeMode,
			MountOptions:                  options.StorageClass.MountOptions,
			Capacity: v1.ResourceList{
				v1.ResourceStorage: claim.Spec.Resources.Requests[v1.ResourceStorage],
			},
			PersistentVolumeSource: v1.PersistentVolumeSource{
				Local: &v1.LocalVolumeSource{Path: directory},
			},
			NodeAffinity: &v1.VolumeNodeAffinity{Required: onlyOn(options.SelectedNodeName)},
		},
	}, controller.ProvisioningFinished, nil
}

func (p provisioner) Delete(_ context.Context, volume *v1.PersistentVolume) error {
	directory, err := p.directory(volume.Name)
	if err != nil {
		return err
	}
	if volume.Spec.Local == nil || volume.Spec.Local.Path != directory {
		return fmt.Errorf("volume %s is not at %s: left alone", volume.Name, directory)
	}
	return os.RemoveAll(directory)
}

// directory refuses names that would lead out of the root.
func (p provisioner) directory(name string) (string, error) {
	if name == "" || name == "." || name == ".." || filepath.Base(name) != name {
		return "", fmt.Errorf("%q cannot be a directory's name", name)
	}
	return filepath.Join(p.root, name), nil
}

func onlyOn(node string) *v1.NodeSelector {
	return &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{
		MatchExpressions: []v1.NodeSelectorRequirement{{
			Key:      v1.LabelHostname,
			Operator: v1.NodeSelectorOpIn,
			Values:   []string{node},
		}},
	}}}
}

func run() error {
	kubeconfig := flag.String("kubeconfig", "", "how to reach the API server")
	root := flag.String("root", "", "the directory that holds the volumes")
	name := flag.String("provisioner", "", "the provisioner named by the storage class")
	flag.Parse()
	if *kubeconfig == "" || *name == "" || !filepath.IsAbs(*root) {
		return errors.New("-kubeconfig, -provisioner and an absolute -root are needed")
	}
	if err := os.MkdirAll(*root, 0o711); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	controller.NewProvisionController(
		ctx, client, *name, provisioner{root: *root},
		controller.LeaderElection(false), // the only one there is
		controller.MetricsPort(0),
		controller.AddFinalizer(true),
	).Run(ctx)
	return nil
}

func main() {
	if err := run(); err != nil {
		klog.ErrorS(err, "volumes")
		klog.FlushAndExit(klog.ExitFlushTimeout, 1)
	}
	klog.Flush()
}
