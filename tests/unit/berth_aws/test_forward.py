import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from deployed_account import Account, stub

from rehearsal.errors import BerthError
from scripts.berth.aws import forward

# An ssh that forwards to nowhere: it answers HTTP on the local port itself, and prints the token when asked.
SSH = f"""\
#!{sys.executable}
import http.server, os, sys
words = sys.argv[1:]
open(os.environ["CALLS"] + ".ssh", "a").write(" ".join(words) + "\\n")
if "-L" not in words:
    print("t0ken")
    sys.exit(0)
assert "ExitOnForwardFailure=yes" in words and "-N" in words
host, port, far, remote = words[words.index("-L") + 1].split(":")
assert (host, far) == ("127.0.0.1", "127.0.0.1"), "nobody but this machine may use the forward"
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): ...
    def do_GET(self):
        body = f"port {{remote}} of {{words[words.index('-L') + 2:]}}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if self.path == "/end":
            os._exit(3)
http.server.HTTPServer((host, int(port)), Handler).serve_forever()
"""


@pytest.fixture(autouse=True)
def machines(account: Account) -> None:
    account.start("bastion")
    account.start()
    stub(account.directory, "ssh", SSH)


def get(url: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as response:
        return str(response.read().decode())


def test_a_port_of_the_machine_answers_here_for_as_long_as_it_is_wanted(account: Account) -> None:
    with forward.forwarded(account.place, "aws-vm", 8080) as found:
        assert get(found.url) == "port 8080 of ['berth-aws-vm-machine']"
    with pytest.raises(urllib.error.URLError):
        get(found.url)


def test_a_connection_that_cannot_be_made_is_told(account: Account) -> None:
    stub(account.directory, "ssh", "#!/bin/sh\nexit 255\n")
    with (
        pytest.raises(BerthError, match=r"could not be made \(status 255\)"),
        forward.forwarded(account.place, "aws-vm", 8080),
    ):
        pass


def test_jupyters_address_has_its_token(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    port, said = forward.free_port(), []

    def say(text: str) -> None:
        said.append(text)
        if text.startswith("Ctrl-C"):
            get(f"http://127.0.0.1:{port}/end")

    with pytest.raises(BerthError, match=r"connection has ended \(status 3\)"):
        forward.run(account.place, "aws-vm", "jupyter", port, say)
    assert said[0] == f"Jupyter   http://127.0.0.1:{port}/lab?token=t0ken"
    assert "sudo cat /etc/berth/jupyter.token" in Path(os.environ["CALLS"] + ".ssh").read_text()


def test_an_environment_without_jupyter_says_how_to_get_it(account: Account) -> None:
    account.outputs(jupyter_port=None)
    with pytest.raises(BerthError, match="has no Jupyter") as caught:
        forward.run(account.place, "aws-vm", "jupyter", None, print)
    assert "berth:jupyter" in caught.value.hint


def test_a_port_that_is_taken_is_refused_if_it_was_asked_for(account: Account) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BerthError, match=f"port {port} is taken"):
            forward.run(account.place, "aws-vm", "predict", port, print)
        account.outputs(predict_port=port)
        said: list[str] = []

        def say(text: str) -> None:
            said.append(text)
            if text.startswith("Ctrl-C"):
                get(said[0].split()[1].replace("/v1/models/digits:predict", "/end"))

        with pytest.raises(BerthError, match="connection has ended"):
            forward.run(account.place, "aws-vm", "predict", None, say)
        assert f":{port}/" not in said[0], "the machine's own port is taken here: a free one does as well"


def test_session_manager_forwards_without_ssh(account: Account) -> None:
    account.outputs(access="ssm", bastion_address=None)
    stub(account.directory, "aws", f"#!/bin/sh\nprintf '%s\\n' \"$@\" > '{account.directory}/aws'\nexit 9\n")
    stub(account.directory, "session-manager-plugin", "#!/bin/sh\n")
    with (
        pytest.raises(BerthError, match="status 9"),
        forward.forwarded(account.place, "aws-vm", 8080, 18080),
    ):
        pass
    words = (account.directory / "aws").read_text().splitlines()
    assert words[:3] == ["ssm", "start-session", "--target"]
    assert words[-3:] == [
        "AWS-StartPortForwardingSession",
        "--parameters",
        '{"portNumber": ["8080"], "localPortNumber": ["18080"]}',
    ]


CTRL_C = """
import contextlib, signal, sys
from scripts.berth.aws import forward
from scripts.berth.aws.forward import Forward
from types import SimpleNamespace
def interrupt(*_): raise KeyboardInterrupt
signal.signal(signal.SIGINT, interrupt)
forward.deployed = lambda *_: SimpleNamespace(predict_port=8080, model_name="digits")
@contextlib.contextmanager
def forwarded(*_):
    yield Forward(url="http://127.0.0.1:1", ended=lambda: signal.pause())
forward.forwarded = forwarded
forward.run(SimpleNamespace(prefix="berth"), "x", "predict", None, lambda text: print(text, flush=True))
print("over")
"""


def test_ctrl_c_is_its_ordinary_end() -> None:
    with subprocess.Popen([sys.executable, "-c", CTRL_C], stdout=subprocess.PIPE, text=True) as command:
        assert command.stdout is not None
        while "Ctrl-C" not in (line := command.stdout.readline()):
            assert line, "it ended before it could be interrupted"
        command.send_signal(signal.SIGINT)
        out, _ = command.communicate(timeout=20)
    assert out == "over\n"
    assert command.returncode == 0
