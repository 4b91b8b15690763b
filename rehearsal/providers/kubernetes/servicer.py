"""The stand-in for kubernetes as the engine sees it: its settings, its handlers, its functions."""

from typing import Any

from rehearsal.providers.kubernetes import config
from rehearsal.providers.kubernetes.connection import Connection
from rehearsal.providers.kubernetes.handlers import RELEASE, Handlers, invoke
from rehearsal.providers.plugin.host import Host
from rehearsal.providers.plugin.model import Call, Diff, Failure, Handler, PartialFailureError, Values
from rehearsal.providers.plugin.servicer import PluginServicer, answered


class Servicer(PluginServicer):
    """Answers the engine; one per process."""

    provider = "kubernetes"

    def __init__(self, version: str, host: Host) -> None:
        super().__init__(version, host)
        self._connection = Connection(config.Config(problem="the provider is not configured"))
        self._handlers = Handlers(self._connection)

    def check_config(self, news: Values) -> list[Failure]:
        """See PluginServicer."""
        return config.check(news)

    def diff_config(self, olds: Values, news: Values) -> Diff:
        """Tell another cluster from another way to the same one."""
        return config.diff(olds, news)

    def configure(self, args: Values) -> None:
        """See PluginServicer."""
        self._connection = Connection(config.parse(args))
        self._handlers = Handlers(self._connection)

    def handler(self, call: Call) -> Handler:
        """See PluginServicer."""
        return self._handlers.of(call.type)

    def invoke(self, token: str, args: Values) -> Values:
        """A function such as reading YAML."""
        return invoke(token, args, self._connection)

    def summary(self, error: PartialFailureError) -> str:
        """In the original's words."""
        reason = error.reasons[0] if error.reasons else "no reason is known"
        return (
            f'the Kubernetes API server reported that "{error.state.id}" failed to fully initialize '
            f"or become live: {reason}"
        )

    def interrupt(self) -> None:
        """See PluginServicer."""
        self._connection.interrupt()

    @answered
    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """See PluginServicer; a chart's release announces what it brings."""
        if self.call(request).type == RELEASE:
            self._connection.announce_chart()
        return super().Check(request, context)

    @answered
    def Construct(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """A component that this provider builds from resources of its own."""
        del context
        from rehearsal.providers.kubernetes import configfile

        if request.type not in configfile.TYPES:
            raise NotImplementedError(f"the stand-in for kubernetes has no component {request.type}")
        self._connection.announce_chart()
        return configfile.construct(request, self._connection, self.version)

    def call(self, request: Any) -> Call:
        """See PluginServicer; the API server's warnings are shown beside the resource."""
        call = super().call(request)
        self._connection.hear_warnings(call.warn)
        return call
