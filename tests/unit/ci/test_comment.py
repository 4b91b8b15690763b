"""The comment of a preview: one for each environment, edited only by the pipeline that wrote it."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from scripts.ci import comment

MARKER = "<!-- berth-preview:aws-vm -->"
BOT = "github-actions[bot]"


class Forge:
    """The comments of pull request 7, as GitHub's and GitLab's APIs give them."""

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.calls: list[tuple[str, str]] = []
        self.tokens: set[str] = set()

    def add(self, body: str, author: str = BOT) -> int:
        number = len(self.comments) + 1
        who = {"user": {"login": author}, "author": {"username": author}}
        self.comments.append({"id": number, "body": body, **who})
        return number

    def answer(self, method: str, path: str, query: str, body: dict[str, str]) -> Any:
        self.calls.append((method, path))
        if path == "/user":
            return {"username": BOT}
        if method == "GET":
            page = int(query.partition("&page=")[2])
            return self.comments[(page - 1) * 100 : page * 100]
        if method == "POST":
            self.add(body["body"])
            return self.comments[-1]
        found = self.comments[int(path.rpartition("/")[2]) - 1]
        found["body"] = body["body"]
        return found


@pytest.fixture
def forge() -> Iterator[tuple[Forge, str]]:
    kept = Forge()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            kept.tokens.add(self.headers["Authorization"] or self.headers["PRIVATE-TOKEN"])
            content = self.rfile.read(int(self.headers["Content-Length"] or 0))
            answer = kept.answer(self.command, path, query, json.loads(content or "{}"))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_POST = do_PATCH = do_PUT = do_GET  # noqa: N815 - the base class looks for these names

        def log_message(self, *words: object) -> None:
            del words

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield kept, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def preview(tmp_path: Path) -> Path:
    file = tmp_path / "preview-aws-vm.md"
    file.write_text(f"{MARKER}\n### aws-vm\n\n2 to create\n")
    return file


def _github(url: str, number: str = "7") -> dict[str, str]:
    return {
        "GITHUB_TOKEN": "secret",
        "GITHUB_API_URL": url,
        "GITHUB_REPOSITORY": "o/r",
        "PULL_REQUEST": number,
        "FOOTER": "<sub>abc</sub>",
    }


def _gitlab(url: str) -> dict[str, str]:
    return {
        "GITLAB_TOKEN": "secret",
        "CI_API_V4_URL": url,
        "CI_PROJECT_ID": "42",
        "CI_MERGE_REQUEST_IID": "7",
    }


def _run(patch: pytest.MonkeyPatch, settings: dict[str, str], *files: Path) -> int:
    for name in ("GITHUB_TOKEN", "GITLAB_TOKEN"):
        patch.delenv(name, raising=False)
    for name, value in settings.items():
        patch.setenv(name, value)
    patch.setattr(sys, "argv", ["comment.py", *map(str, files)])
    return comment.main()


def test_the_first_preview_is_a_new_comment_and_the_next_one_edits_it(
    forge: tuple[Forge, str], preview: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, url = forge
    assert _run(monkeypatch, _github(url), preview) == 0
    preview.write_text(f"{MARKER}\n### aws-vm\n\nnothing to do\n")
    assert _run(monkeypatch, _github(url), preview) == 0
    assert [one["body"] for one in kept.comments] == [
        f"{MARKER}\n### aws-vm\n\nnothing to do\n\n<sub>abc</sub>\n"
    ]
    assert [call for call in kept.calls if call[0] != "GET"] == [
        ("POST", "/repos/o/r/issues/7/comments"),
        ("PATCH", "/repos/o/r/issues/comments/1"),
    ]
    assert kept.tokens == {"Bearer secret"}


def test_gitlab_alike(forge: tuple[Forge, str], preview: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, url = forge
    for _ in range(2):
        assert _run(monkeypatch, _gitlab(url), preview) == 0
    assert [call for call in kept.calls if call[0] != "GET"] == [
        ("POST", "/projects/42/merge_requests/7/notes"),
        ("PUT", "/projects/42/merge_requests/7/notes/1"),
    ]
    assert kept.tokens == {"secret"}


def test_anothers_comment_with_the_marker_is_left_alone(
    forge: tuple[Forge, str], preview: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, url = forge
    kept.add(f"{MARKER}\nmine", author="somebody")
    kept.add("<!-- berth-preview:local -->\nanother environment's")
    assert _run(monkeypatch, _github(url), preview) == 0
    assert kept.comments[0]["body"] == f"{MARKER}\nmine"
    assert kept.comments[1]["body"].endswith("another environment's")
    assert len(kept.comments) == 3


def test_a_comment_after_hundreds_is_found(
    forge: tuple[Forge, str], preview: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, url = forge
    for _ in range(200):
        kept.add("talk", author="somebody")
    kept.add(f"{MARKER}\nold")
    assert _run(monkeypatch, _github(url), preview) == 0
    assert len(kept.comments) == 201
    assert kept.comments[200]["body"].startswith(f"{MARKER}\n### aws-vm")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "### aws-vm\n",
        f"text\n{MARKER}\n",
        "<!-- berth-preview:../x -->\n",
        "<!-- berth-preview:local -->\n",
    ],
    ids=["empty", "no marker", "marker further down", "no name", "another environment's"],
)
def test_a_file_that_is_no_preview_is_refused(
    forge: tuple[Forge, str], preview: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    kept, url = forge
    preview.write_text(text)
    assert _run(monkeypatch, _github(url), preview) == 1
    assert kept.calls == [], "nothing is asked before everything is known to be right"


@pytest.mark.parametrize("number", ["", "0", "7/../8", "7\n", "seven"])
def test_a_number_that_is_none_is_refused(
    forge: tuple[Forge, str], preview: Path, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    kept, url = forge
    assert _run(monkeypatch, _github(url, number), preview) == 1
    assert kept.calls == []


def test_without_a_token_it_says_so(
    preview: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, {}, preview) == 1
    assert "GITHUB_TOKEN" in capsys.readouterr().err


def test_a_preview_that_is_too_long_is_cut_and_says_so(
    forge: tuple[Forge, str], preview: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, url = forge
    preview.write_text(f"{MARKER}\n" + "x" * 200_000)
    assert _run(monkeypatch, _github(url), preview) == 0
    body = kept.comments[0]["body"]
    assert len(body) < 65_536
    assert "Cut here" in body
    assert body.endswith("<sub>abc</sub>\n")


def test_a_forge_that_does_not_answer_is_named(
    preview: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, _github("http://127.0.0.1:9"), preview) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: GET http://127.0.0.1:9/repos/o/r/issues/7/comments")
    assert "secret" not in error


def test_it_needs_nothing_but_pythons_own_library() -> None:
    """It runs before anything is installed, beside a token that may write."""
    text = Path(comment.__file__).read_text()
    imported = {
        line.split()[1].partition(".")[0]
        for line in text.splitlines()
        if line.startswith(("import ", "from "))
    }
    assert imported <= set(sys.stdlib_module_names)
