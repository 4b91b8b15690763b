from pathlib import Path

from kill_runs import Outcome, Point, changes, differences, draw, inventory, load, save


def test_the_same_seed_draws_the_same_points_half_of_them_before_the_engine_could_know() -> None:
    points = draw(50, 1, calls=73)
    assert points == draw(50, 1, calls=73)
    assert points != draw(50, 2, calls=73)
    assert sum(point.moment == "after" for point in points) == 25
    assert all(1 <= point.at <= 73 for point in points if point.moment != "time")
    assert all(0 <= point.at <= 1 for point in points if point.moment == "time")


def test_what_changes_something_is_told_from_what_looks() -> None:
    query = {"Content-Type": "application/x-www-form-urlencoded"}
    assert changes("POST", "/", query, b"Action=CreateVpc&Version=1")
    assert not changes("POST", "/", query, b"Version=1&Action=DescribeVpcs")
    assert changes("POST", "/", {"X-Amz-Target": "AmazonSSM.PutParameter"}, b"{}")
    assert not changes("POST", "/", {"X-Amz-Target": "AmazonSSM.GetParameter"}, b"{}")
    assert changes("PUT", "/bucket?policy", {}, b"{}")
    assert not changes("GET", "/bucket?policy", {}, b"")
    pods = "/api/v1/namespaces/n/pods"
    assert changes("PATCH", f"{pods}/p?fieldManager=m", {}, b"{}")
    assert not changes("PATCH", f"{pods}/p?dryRun=All", {}, b"{}")


def test_accounts_that_are_alike_have_the_same_inventory_and_a_duplicate_shows() -> None:
    def row(number: int) -> dict[str, object]:
        identity = f"vpc-{number:017x}"
        is_ = {"VpcId": identity, "Tags": [f"eni-{9 - number:017x}", "b"], "Cidr": "10.0.0.0/16"}
        return {"service": "ec2", "kind": "Vpcs", "id": identity, "is": is_}

    assert inventory([row(1)]) == inventory([row(2)])
    (found,) = differences(inventory([row(1)]), inventory([row(1), row(2)]))
    assert found.startswith("too much: ")


def test_results_are_gone_on_with_where_they_converged(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    good = Outcome(0, Point("after", 3), killed=True, pending=["creating aws:ec2/vpc:Vpc"])
    wrong = Outcome(1, Point("time", 0.5), killed=True, problems=["too much"])
    save(file, {"seed": 1}, [good, wrong])
    assert load(file, {"seed": 1}) == [good]
    assert load(file, {"seed": 2}) == []
