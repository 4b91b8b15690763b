import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from deployed_account import Account
from rich.console import Console

from rehearsal.errors import BerthError
from scripts.berth import report
from scripts.berth.aws import clients, interrupt
from scripts.berth.aws.watch import Progress
from scripts.berth.place import Place

Script = Callable[..., None]
ASKED: list[tuple[str, Any]] = []


class Admin(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        ASKED.append((self.path, content))
        refused = content["seconds"] == 13
        self.send_response(400 if refused else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"no")


@pytest.fixture
def place(account: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """The account as a rehearsed one: its administration answers, and moto stays in this process."""
    ASKED.clear()
    server = HTTPServer(("127.0.0.1", 0), Admin)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    environ = {**account.place.environ, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"}
    original = clients.client

    def client(_: Place, service: str, region: str, *, endpoint: str | None = None) -> Any:
        return original(account.place, service, region, endpoint=endpoint)

    monkeypatch.setattr(clients, "client", client)
    yield replace(account.place, rehearsed=True, environ=environ)
    server.shutdown()
    thread.join()
    server.server_close()


def progress(step: int, instance: str) -> dict[str, Any]:
    return {"step": step, "of": 1000, "epoch": 1, "instance": instance}


def test_training_resumes_on_the_replacement_and_the_lost_steps_are_told(
    account: Account, place: Place, shown: Progress, script: Script
) -> None:
    old = account.start()
    account.put("runs/digits/1/progress.json", progress(420, old))
    new: list[str] = []
    saved = {"noticed_at": "t", "action": "terminate", "checkpoint_step": 400, "saved_at": "t2"}

    def replaced() -> None:
        account.end(old)
        new.append(account.start())

    script(
        lambda: account.put("runs/digits/1/progress.json", progress(430, old)),
        lambda: account.put(f"machines/{old}/interruption.json", saved),
        replaced,
        lambda: account.status(new[0], "ready", "identity"),
        lambda: account.put("runs/digits/1/progress.json", progress(410, new[0])),
    )
    found = interrupt.interrupt(place, "aws-vm", shown, seconds=120, minutes=5)
    assert [("/_berth/interrupt", {"instance_id": old, "seconds": 120})] == ASKED
    assert found["interrupted"] == old
    assert found["replacement"] == new[0]
    assert found["training"] == "resumed"
    assert (found["step_at_notice"], found["checkpoint_step"], found["lost_steps"]) == (430, 400, 30)
    console = Console(file=io.StringIO(), width=200)
    report.lost_work(console, found)
    assert "lost work: 30 steps" in console.file.getvalue()  # type: ignore[attr-defined]


def test_the_old_machine_is_not_taken_for_the_replacement(
    account: Account, place: Place, shown: Progress, script: Script
) -> None:
    old = account.start()
    account.status(old, "ready", "identity")
    account.put("runs/digits/1/results.json", {"accuracy": 0.99})
    new: list[str] = []

    def replaced() -> None:
        account.end(old)
        new.append(account.start())
        account.status(new[0], "ready", "identity")

    script(
        lambda: account.put(f"machines/{old}/interruption.json", {"checkpoint_step": None}),
        replaced,
    )
    found = interrupt.interrupt(place, "aws-vm", shown, seconds=30, minutes=5)
    assert found["replacement"] == new[0]
    assert found["training"] == "had ended before"
    assert found["lost_steps"] == 0


def test_a_machine_that_says_nothing_before_its_end_leaves_the_loss_unknown(
    account: Account, place: Place, shown: Progress, script: Script
) -> None:
    old = account.start()
    account.put("runs/digits/1/progress.json", progress(420, old))

    def replaced() -> None:
        account.end(old)
        new = account.start()
        account.status(new, "ready", "identity")
        account.put("runs/digits/1/progress.json", progress(10, new))

    script(replaced)
    assert interrupt.interrupt(place, "aws-vm", shown, seconds=30, minutes=5)["lost_steps"] is None


def test_a_refusal_is_told(account: Account, place: Place, shown: Progress) -> None:
    account.start()
    with pytest.raises(BerthError, match="refuses the interruption: 400 no"):
        interrupt.interrupt(place, "aws-vm", shown, seconds=13, minutes=5)


def test_an_account_cannot_be_told_to_interrupt(account: Account, shown: Progress) -> None:
    account.start()
    with pytest.raises(BerthError, match="only a rehearsal"):
        interrupt.interrupt(account.place, "aws-vm", shown, seconds=120, minutes=5)
