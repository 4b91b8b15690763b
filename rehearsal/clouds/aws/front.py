"""What machines reach over TLS: AWS's own host names, NVIDIA's package hosts, nothing administrative."""

import mimetypes
from collections.abc import Iterable

from rehearsal.clouds.aws import settings
from rehearsal.clouds.aws.account import Account
from rehearsal.clouds.aws.calls import Environ, Reply, StartResponse
from rehearsal.clouds.aws.names import AWS, CHECK_IP, PACKAGE_HOSTS


class Front:
    """Routes by the host that a client asks for."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        host = environ.get("HTTP_HOST", "").partition(":")[0].lower()
        if host == CHECK_IP:
            address = f"{environ.get('REMOTE_ADDR', '')}\n"
            return Reply(200, [("Content-Type", "text/plain")], address.encode()).send(start_response)
        if host in PACKAGE_HOSTS:
            return _package(host, environ).send(start_response)
        if host.endswith(AWS):
            return self._account(environ, start_response)
        text = f"{host} is not a host of this rehearsal\n"
        return Reply(421, [("Content-Type", "text/plain")], text.encode()).send(start_response)


def _package(host: str, environ: Environ) -> Reply:
    """A file of the package source: `<sources>/<host>/<path>`."""
    missing = Reply(404, [("Content-Type", "text/plain")], b"not found\n")
    sources = settings.current().sources
    if sources is None or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return missing
    root = (sources / host).resolve()
    file = (root / environ.get("PATH_INFO", "").lstrip("/")).resolve()
    if not file.is_relative_to(root) or not file.is_file():
        return missing
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    content = file.read_bytes()
    headers = [("Content-Type", kind), ("Content-Length", str(len(content)))]
    return Reply(200, headers, b"" if environ["REQUEST_METHOD"] == "HEAD" else content)
