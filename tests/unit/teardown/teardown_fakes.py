"""An account and a listener for the tests of a teardown."""

from infra.spend.leaks import Finding
from scripts.berth.leaks import Deleted
from scripts.berth.teardown.destroy import Pace
from scripts.berth.teardown.down import Plan, Talk


class Cloud:
    """An account whose findings a test sets; what is deleted is gone."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.deleted: list[str] = []
        self.asked: list[dict[str, object]] = []

    def find(self, place: object, env: str, **how: object) -> list[Finding]:
        del place, env
        self.asked.append(how)
        return list(self.findings)

    def delete(self, place: object, found: list[Finding], *_: object, **__: object) -> list[Deleted]:
        del place
        self.deleted += [one.id for one in found]
        self.findings = [one for one in self.findings if one.id not in self.deleted]
        return [Deleted(finding=one, done=True) for one in found]


class Listener:
    """What a teardown says and shows, and its answer to the question."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.plans: list[Plan] = []
        self.asked = 0
        self.agrees = True
        self.waited: list[float] = []

    def talk(self) -> Talk:
        return Talk(
            say=self.said.append,
            show=self.plans.append,
            confirm=self._confirm,
            pace=Pace(waits=(1.0, 2.0), pause=self.waited.append),
        )

    def _confirm(self) -> bool:
        self.asked += 1
        return self.agrees
