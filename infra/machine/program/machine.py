"""The machine as the bring-up sees it: its files, its programs, its log. Tests give it another root."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
    "NEEDRESTART_SUSPEND": "1",  # Ubuntu's needrestart would restart services in the middle of a stage
}
TAIL = 12


class Failed(Exception):
    """A stage cannot go on; the message is what status.json says."""


class Machine:
    """Files below a root, and programs."""

    def __init__(self, root: str = "/", log: str = "/var/log/berth-bringup.log") -> None:
        self._root = Path(root)
        self.log_file = self.path(log)
        self.log_file.parent.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        return self._root / name.lstrip("/")

    def say(self, text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
        with self.log_file.open("a") as log:
            log.write(text + "\n")

    def attempt(self, *argv: str, seconds: int = 1800) -> tuple[int, str]:
        """Run a program; its exit status (127 where there is none, 124 after `seconds`) and both streams."""
        self.say(time.strftime("%H:%M:%S $ ") + " ".join(argv))
        status, text = self.ask(*argv, seconds=seconds)
        if text:
            self.say(text)
        return status, text

    def ask(self, *argv: str, seconds: int = 1800) -> tuple[int, str]:
        """The same, without a word in the log."""
        try:
            done = subprocess.run(
                argv,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=False,
            )
        except FileNotFoundError:
            return 127, argv[0] + ": not found"
        except subprocess.TimeoutExpired:
            return 124, f"no end after {seconds} s"
        return done.returncode, done.stdout.decode(errors="replace").strip()

    def run(self, *argv: str, seconds: int = 1800) -> str:
        """Run a program that has to succeed; raises Failed with the end of what it printed."""
        status, text = self.attempt(*argv, seconds=seconds)
        if status:
            tail = "\n".join(text.splitlines()[-TAIL:])
            raise Failed(f"{argv[0]} {argv[-1]} ended with status {status}: {tail}")
        return text

    def read(self, name: str) -> str:
        """A file's text; empty where there is none."""
        try:
            return self.path(name).read_text()
        except FileNotFoundError:
            return ""

    def write(self, name: str, text: str, mode: int = 0o644) -> bool:
        """Have a file with this text, whole or not at all; True where it was another."""
        path = self.path(name)
        if path.exists() and path.read_text() == text:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        return True

    def has(self, program: str) -> bool:
        return any(self.path(where + "/" + program).exists() for where in ENVIRONMENT["PATH"].split(":"))
