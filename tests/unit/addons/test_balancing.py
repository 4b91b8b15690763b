from ipaddress import IPv4Address, IPv4Network
from typing import Any

from rehearsal.cluster.addons.balancing import plan

POOL = IPv4Network("10.213.32.0/29")
FIRST, SECOND = IPv4Address("10.213.32.1"), IPv4Address("10.213.32.2")


def service(name: str, *, ip: str | None = None, kind: str = "LoadBalancer", **more: Any) -> dict[str, Any]:
    ingress = [{"ip": ip}] if ip else []
    return {
        "metadata": {"namespace": "n", "name": name, "creationTimestamp": more.pop("created", "2026-01-01")},
        "spec": {"type": kind, **more},
        "status": {"loadBalancer": {"ingress": ingress} if ingress else {}},
    }


def test_a_new_service_gets_the_lowest_free_address() -> None:
    made = plan([service("a", ip=str(FIRST)), service("b")], POOL)
    assert made.statuses == {("n", "b"): SECOND}
    assert made.addresses == {FIRST, SECOND}


def test_an_address_once_given_stays() -> None:
    made = plan([service("a", ip=str(SECOND))], POOL)
    assert made.statuses == {}, "nothing is to be written after a restart"
    assert made.addresses == {SECOND}


def test_other_types_get_none_and_give_theirs_back() -> None:
    made = plan([service("a", kind="ClusterIP"), service("b", kind="ClusterIP", ip=str(FIRST))], POOL)
    assert made.statuses == {("n", "b"): None}
    assert made.addresses == frozenset()


def test_another_controllers_services_are_left_alone() -> None:
    made = plan([service("a", loadBalancerClass="example.com/other", ip="192.0.2.1")], POOL)
    assert made.statuses == {}
    assert made.addresses == frozenset()


def test_a_request_is_honoured_where_the_address_is_free() -> None:
    wish = str(POOL[4])
    made = plan([service("a", loadBalancerIP=wish), service("b", loadBalancerIP=wish)], POOL)
    assert made.statuses == {("n", "a"): IPv4Address(wish), ("n", "b"): FIRST}


def test_of_two_with_one_address_the_older_keeps_it() -> None:
    young = service("a", ip=str(FIRST), created="2026-02-01")
    made = plan([young, service("b", ip=str(FIRST), created="2026-01-01")], POOL)
    assert made.statuses == {("n", "a"): SECOND}


def test_an_exhausted_pool_is_reported() -> None:
    made = plan([service(f"s{number}") for number in range(7)], POOL)
    assert len(made.addresses) == 6
    assert made.unserved == (("n", "s6"),)


def test_an_address_outside_the_pool_is_replaced() -> None:
    assert plan([service("a", ip="192.0.2.7")], POOL).statuses == {("n", "a"): FIRST}
