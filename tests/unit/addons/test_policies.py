import shutil
import subprocess
from typing import Any

import pytest

from rehearsal.cluster.addons.policies import peers, ruleset
from rehearsal.cluster.addons.selectors import matches

Object = dict[str, Any]
NAMESPACES: list[Object] = [
    {"metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}}}
    for name in ("a", "b", "kube-system")
]


def pod(name: str, ip: str, namespace: str = "a", **more: Any) -> Object:
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app": name},
            "creationTimestamp": more.pop("created", "2026-01-01"),
        },
        "spec": {
            "containers": [{"ports": [{"name": "http", "containerPort": 8080}]}],
            "hostNetwork": more.pop("host_network", False),
        },
        "status": {"podIP": ip, "phase": more.pop("phase", "Running")},
    }


def policy(name: str = "p", selector: Object | None = None, **spec: Any) -> Object:
    types = [kind for kind in ("Ingress", "Egress") if kind.lower() in spec]
    return {
        "metadata": {"name": name, "namespace": "a"},
        "spec": {"podSelector": selector or {}, "policyTypes": types, **spec},
    }


WEB, CLIENT, FOREIGN = pod("web", "10.0.0.1"), pod("client", "10.0.0.2"), pod("web", "10.0.0.3", "b")
PODS = [WEB, CLIENT, FOREIGN]
ONLY_WEB = {"matchLabels": {"app": "web"}}


def rules(*policies: Object, pods: list[Object] | None = None) -> str:
    return ruleset(policies, pods or PODS, NAMESPACES, dns_port=10053)


def chain_of(text: str, direction: str, name: str) -> list[str]:
    """The statements of a pod's chain; empty where the pod is not isolated."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.strip().startswith(f"chain {direction}_") and line.endswith(f"# {name}"):
            end = lines.index("  }", number)
            return [entry.strip() for entry in lines[number + 1 : end]]
    return []


def test_without_policies_everything_passes() -> None:
    text = rules()
    assert "drop" not in text
    assert "vmap" not in text


def test_a_denial_concerns_its_own_namespace_and_direction_only() -> None:
    text = rules(policy(ingress=[]))
    assert chain_of(text, "ingress", "a/web") == ["ip saddr 10.0.0.1 return", "drop"]
    assert not chain_of(text, "egress", "a/web")
    assert not chain_of(text, "ingress", "b/web")


def test_policies_add_up() -> None:
    allow = policy("q", ONLY_WEB, ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "client"}}}]}])
    text = rules(policy(ingress=[]), allow)
    assert "ip saddr 10.0.0.2 return" in chain_of(text, "ingress", "a/web")
    assert "ip saddr 10.0.0.2 return" in chain_of(text, "ingress", "a/client")[:1], "itself only"
    assert len(chain_of(text, "ingress", "a/client")) == 2


def test_pods_of_other_namespaces_need_a_namespace_selector() -> None:
    same = policy(ingress=[{"from": [{"podSelector": ONLY_WEB}]}])
    assert "ip saddr 10.0.0.3 return" not in chain_of(rules(same), "ingress", "a/client")
    there = {"matchLabels": {"kubernetes.io/metadata.name": "b"}}
    other = policy(ingress=[{"from": [{"namespaceSelector": there, "podSelector": ONLY_WEB}]}])
    assert chain_of(rules(other), "ingress", "a/client")[1:] == ["ip saddr 10.0.0.3 return", "drop"]


def test_ports_by_number_range_name_and_protocol() -> None:
    ports = [
        {"protocol": "TCP", "port": 80},
        {"protocol": "UDP", "port": 5000, "endPort": 5010},
        {"protocol": "TCP", "port": "http"},
        {"protocol": "SCTP"},
        {"protocol": "TCP", "port": "nobody-has-this"},
    ]
    text = rules(policy(selector=ONLY_WEB, ingress=[{"ports": ports}]))
    assert chain_of(text, "ingress", "a/web")[1:] == [
        "ip saddr 0.0.0.0/0 tcp dport 80 return",
        "ip saddr 0.0.0.0/0 udp dport 5000-5010 return",
        "ip saddr 0.0.0.0/0 tcp dport 8080 return",
        "ip saddr 0.0.0.0/0 meta l4proto sctp return",
        "drop",
    ]


def test_an_address_block_has_exceptions() -> None:
    block = {"cidr": "192.0.2.0/24", "except": ["192.0.2.8/29", "192.0.2.64/26"]}
    text = rules(policy(egress=[{"to": [{"ipBlock": block}]}]))
    line = "ip daddr 192.0.2.0/24 ip daddr != { 192.0.2.8/29, 192.0.2.64/26 } return"
    assert line in chain_of(text, "egress", "a/web")


def test_names_resolve_where_a_policy_lets_pods_reach_dns() -> None:
    system = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
    text = rules(policy(egress=[{"to": [system], "ports": [{"protocol": "UDP", "port": 53}]}]))
    allowed = chain_of(text, "egress", "a/web")
    assert allowed[1:] == ["ip daddr 10.213.0.1 udp dport 10053 return", "drop"], (
        "and nothing else of the node"
    )
    assert "10053" not in rules(
        policy(egress=[{"to": [system], "ports": [{"protocol": "TCP", "port": 443}]}])
    )
    everywhere = rules(policy(egress=[{"ports": [{"protocol": "UDP", "port": 53}]}]))
    assert "ip daddr 10.213.0.1 udp dport 10053 return" in chain_of(everywhere, "egress", "a/web")


def test_what_has_no_address_of_its_own_is_left_out() -> None:
    pods = [
        pod("ended", "10.0.0.9", phase="Succeeded"),
        pod("host", "10.213.0.1", host_network=True),
        pod("new", "10.0.0.7", created="2026-02-01"),
        pod("old", "10.0.0.7", created="2026-01-01"),
    ]
    assert [peer.name for peer in peers(pods)] == ["new"]


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ({"key": "app", "operator": "In", "values": ["web", "api"]}, True),
        ({"key": "app", "operator": "NotIn", "values": ["web"]}, False),
        ({"key": "tier", "operator": "NotIn", "values": ["web"]}, True),
        ({"key": "app", "operator": "Exists"}, True),
        ({"key": "app", "operator": "DoesNotExist"}, False),
    ],
)
def test_selector_expressions(expression: Object, *, fits: bool) -> None:
    assert matches({"matchExpressions": [expression]}, {"app": "web"}) is fits


@pytest.mark.skipif(shutil.which("nft") is None, reason="nftables is not installed")
def test_nftables_takes_the_rules() -> None:
    text = rules(
        policy(ingress=[{"ports": [{"protocol": "TCP", "port": 80}, {"protocol": "SCTP"}]}], egress=[]),
        policy("q", egress=[{}, {"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]}]),
        policy("r", egress=[{"to": [{"namespaceSelector": {}}]}]),
    )
    # In a network namespace of its own: nothing of this machine is touched.
    command = ["unshare", "-n", "nft", "-f", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if "Operation not permitted" in done.stderr:
        pytest.skip("needs root")
    assert done.returncode == 0, done.stderr
