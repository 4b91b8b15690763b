"""`python3 scripts/ci/comment.py FILE…`: one comment for each environment, edited where it is there already.

It runs where the token is that may comment, so it imports nothing but Python's own library, and takes the
files for text of which only the first line, the marker, is read. Settings come from the environment:
GitHub: GITHUB_TOKEN, GITHUB_API_URL, GITHUB_REPOSITORY, PULL_REQUEST
GitLab: GITLAB_TOKEN, CI_API_V4_URL, CI_PROJECT_ID, CI_MERGE_REQUEST_IID
and FOOTER, which is put below the preview.

https://docs.github.com/en/rest/issues/comments https://docs.gitlab.com/api/notes/
"""

import itertools
import json
import os
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MARKER = re.compile(r"<!-- berth-preview:([a-z0-9](?:[a-z0-9-]*[a-z0-9])?) -->")
LONGEST = 60_000  # GitHub takes 65,536 characters
PAGE = 100
SECONDS = 30


class RefusedError(Exception):
    """What keeps a comment from being written."""


@dataclass(frozen=True, kw_only=True)
class Forge:
    """The comments of one pull request. me: who writes them; another's comment is never edited.

    one: the URL of a comment before its id. edit: the method that changes one.
    """

    headers: Mapping[str, str]
    comments: str
    one: str
    edit: str
    author: tuple[str, str]
    me: str

    def write(self, marker: str, body: str) -> str:
        """Edit the comment that begins with the marker, else add one; returns its URL or id."""
        for comment in self._all():
            if comment[self.author[0]][self.author[1]] == self.me and comment["body"].startswith(marker):
                return _shown(self.ask(f"{self.one}/{comment['id']}", self.edit, {"body": body}))
        return _shown(self.ask(self.comments, "POST", {"body": body}))

    def _all(self) -> Iterator[dict[str, Any]]:
        for page in itertools.count(1):
            found = self.ask(f"{self.comments}?per_page={PAGE}&page={page}")
            yield from found
            if len(found) < PAGE:
                return

    def ask(self, url: str, method: str = "GET", content: Mapping[str, str] | None = None) -> Any:
        """One request; its JSON answer."""
        data = None if content is None else json.dumps(content).encode()
        headers = {**self.headers, "Content-Type": "application/json", "User-Agent": "berth"}
        request = urllib.request.Request(url, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            raise RefusedError(f"{method} {url}: {refusal.code} {refusal.read(300).decode()}") from None
        except OSError as reason:
            raise RefusedError(f"{method} {url}: {reason}") from None


def forge(settings: Mapping[str, str]) -> Forge:
    """Where to write, out of the pipeline's variables.

    Raises:
        RefusedError: the pipeline is not one of a pull or merge request, or has no token.
    """
    if settings.get("GITHUB_TOKEN"):
        number = _number(settings.get("PULL_REQUEST", ""))
        issues = f"{settings['GITHUB_API_URL']}/repos/{settings['GITHUB_REPOSITORY']}/issues"
        return Forge(
            headers={"Authorization": f"Bearer {settings['GITHUB_TOKEN']}"},
            comments=f"{issues}/{number}/comments",
            one=f"{issues}/comments",
            edit="PATCH",
            author=("user", "login"),
            me="github-actions[bot]",
        )
    if settings.get("GITLAB_TOKEN"):
        number = _number(settings.get("CI_MERGE_REQUEST_IID", ""))
        api = settings["CI_API_V4_URL"]
        project = urllib.parse.quote(settings["CI_PROJECT_ID"], safe="")
        notes = f"{api}/projects/{project}/merge_requests/{number}/notes"
        found = Forge(
            headers={"PRIVATE-TOKEN": settings["GITLAB_TOKEN"]},
            comments=notes,
            one=notes,
            edit="PUT",
            author=("author", "username"),
            me="",
        )
        return Forge(**{**vars(found), "me": found.ask(f"{api}/user")["username"]})
    raise RefusedError("there is no GITHUB_TOKEN and no GITLAB_TOKEN that may comment")


def read(file: Path, footer: str) -> tuple[str, str]:
    """A preview's marker and the comment's text.

    Raises:
        RefusedError: the file is no preview, or of another environment than its name says.
    """
    text = file.read_text(encoding="utf-8", errors="replace")
    marker = text.partition("\n")[0]
    found = MARKER.fullmatch(marker)
    if found is None or file.name != f"preview-{found[1]}.md":
        raise RefusedError(f"{file} does not begin with the marker of its environment")
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}\n\n**Cut here**: the whole preview is in the job's summary."
    return marker, f"{text.rstrip()}\n\n{footer}".rstrip() + "\n"


def main() -> int:
    """Write the comments; status 1 where one could not be written."""
    footer = os.environ.get("FOOTER", "")
    try:
        comments = [read(Path(name), footer) for name in sys.argv[1:]]
        there = forge(os.environ)
        for marker, body in comments:
            print(there.write(marker, body))
    except (RefusedError, OSError) as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return 1
    return 0


def _number(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,9}", text):
        raise RefusedError(f"{text!r} is no pull request's number")
    return int(text)


def _shown(comment: Mapping[str, Any]) -> str:
    return str(comment.get("html_url") or comment["id"])


if __name__ == "__main__":
    sys.exit(main())
