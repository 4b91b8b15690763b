"""The program behind the recordings: PHASE=1 for 01-03, PHASE=2 for 04 and 06, PHASE=3 for 08 and 09."""

import os

import pulumi
import pulumi_kubernetes as k8s

PHASE = os.environ.get("PHASE", "1")
FIRST = PHASE == "1"
NO_WAIT = {"pulumi.com/skipAwait": "true"}
LABELS = {"app": "w"}

namespace = k8s.core.v1.Namespace("demo")
here = namespace.metadata.name
metadata = (
    {"namespace": here, "labels": {"x": "1" if FIRST else "2"}} if PHASE != "3" else {"namespace": here}
)
k8s.core.v1.ConfigMap("cm", metadata=metadata, data={"a": "1"} if FIRST else {"a": "2", "b": "3"})
k8s.core.v1.ConfigMap("cmn", metadata={"namespace": here, "name": "fixed"}, data={"a": "1" if FIRST else "2"})
container = {
    "name": "c",
    "image": "localhost/py:1" if FIRST else "localhost/py:2",
    "env": [{"name": "K", "value": "V"}],
    "ports": [{"containerPort": 80}],
}
web = k8s.apps.v1.Deployment(
    "web",
    metadata={"namespace": here, "annotations": NO_WAIT},
    spec={
        "replicas": 2 if FIRST else 3,
        "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}},
    },
)
service = k8s.core.v1.Service(
    "svc",
    metadata={"namespace": here, "annotations": NO_WAIT},
    spec={"selector": LABELS, "ports": [{"port": 80 if FIRST else 81, "targetPort": 80}]},
)
k8s.core.v1.Secret("sec", metadata={"namespace": here}, string_data={"pw": "hunter2" if FIRST else "hunter3"})
command = ["true"] if FIRST else ["false"]
k8s.batch.v1.Job(
    "job",
    metadata={"namespace": here, "annotations": NO_WAIT},
    spec={
        "backoffLimit": 1,
        "template": {
            "spec": {
                "restartPolicy": "Never",
                "containers": [{"name": "c", "image": "localhost/py:1", "command": command}],
            }
        },
    },
)
pulumi.export("ns", here)
pulumi.export("web", web.metadata.name)
pulumi.export("ip", service.spec.cluster_ip)
