"""The stand-in for pulumi-aws as the engine sees it: its settings, its resource types, its functions."""

import threading

from rehearsal import paths
from rehearsal.errors import BerthError
from rehearsal.providers.aws import config
from rehearsal.providers.aws.account import Account, Settings
from rehearsal.providers.aws.crud import Resource
from rehearsal.providers.aws.schema import SDK, Schemas
from rehearsal.providers.plugin.host import Host
from rehearsal.providers.plugin.model import Call, Diff, Failure, Handler, PartialFailureError, Values
from rehearsal.providers.plugin.process import sdk_folder
from rehearsal.providers.plugin.servicer import PluginServicer
from rehearsal.providers.plugin.values import reveal


class Servicer(PluginServicer):
    """Answers the engine; one per process."""

    provider = "aws"

    def __init__(self, version: str, host: Host) -> None:
        super().__init__(version, host)
        self.account = Account(Settings())
        self._schemas = Schemas(sdk_folder(SDK), version, paths.paths().cache)
        self._lock = threading.Lock()
        self._handlers: dict[str, Handler] = {}

    def check_config(self, news: Values) -> list[Failure]:
        """See PluginServicer."""
        return config.check(news)

    def diff_config(self, olds: Values, news: Values) -> Diff:
        """See PluginServicer."""
        return config.diff(olds, news)

    def configure(self, args: Values) -> None:
        """See PluginServicer."""
        with self._lock:
            self.account = Account(config.parse(args))
            self._handlers = {}

    def handler(self, call: Call) -> Handler:
        """See PluginServicer."""
        with self._lock:
            if call.type not in self._handlers:
                self._handlers[call.type] = self._resource(call.type)
            return self._handlers[call.type]

    def _resource(self, token: str) -> Resource:
        from rehearsal.providers.aws.types import all_types

        entry = all_types().get(token)
        if entry is None:
            raise BerthError(
                f"the stand-in for pulumi-aws does not cover {token}",
                "docs/fidelity.md lists what a rehearsal covers; a further type is an entry in "
                "rehearsal/providers/aws/types.",
            )
        return Resource(entry, self._schemas.of(token), self.account)

    def invoke(self, token: str, args: Values) -> Values:
        """See PluginServicer."""
        from rehearsal.providers.aws import functions

        if token not in functions.TOKENS:
            raise KeyError(token)
        return functions.call(token, reveal(args), self.account)

    def summary(self, error: PartialFailureError) -> str:
        """See PluginServicer."""
        return f"{error.state.id} exists and is in the state, but: {'; '.join(error.reasons)}"
