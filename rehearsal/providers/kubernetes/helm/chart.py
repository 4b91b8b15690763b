"""A chart on disk and the values for it: found, read and merged without Helm."""

import hashlib
import json
from pathlib import Path
from typing import Any

from rehearsal.errors import BerthError
from rehearsal.providers.kubernetes.yamltext import YamlError, documents
from rehearsal.providers.plugin.values import UNKNOWN, Secret, reveal

IGNORED = {".git", ".svn", ".hg", ".DS_Store"}


class ChartError(BerthError):
    """The chart, or a file of values, is missing or malformed."""


def local(chart: str, *, repository: str = "") -> Path | None:
    """The chart's directory or archive; None for a chart that comes from a repository."""
    if repository or chart.startswith(("oci://", "http://", "https://")):
        return None
    path = Path(chart).expanduser()
    return path if path.exists() else None


def problem(chart: str, *, repository: str = "") -> str:
    """Why a chart cannot be installed, as far as one can tell without Helm; empty where nothing is known."""
    path = local(chart, repository=repository)
    if path is None:
        looks_local = not repository and chart.startswith((".", "/", "~"))
        return f"there is no chart at {Path(chart).expanduser().absolute()}" if looks_local else ""
    if path.is_dir() and not (path / "Chart.yaml").is_file():
        return f"{path} is no chart: it has no Chart.yaml"
    return ""


def version(path: Path) -> str:
    """The version that a chart's directory declares; empty for an archive."""
    if not path.is_dir():
        return ""
    try:
        parsed = documents((path / "Chart.yaml").read_text())
    except (OSError, YamlError) as error:
        raise ChartError(f"{path / 'Chart.yaml'} cannot be read: {error}") from error
    return str((parsed[0] if parsed else {}).get("version") or "")


def checksum(path: Path) -> str:
    """SHA-256 over a chart's files and their names, so that an edited chart is an updated release."""
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
    for file in files:
        name = file.relative_to(path)
        if not IGNORED & set(name.parts):
            digest.update(f"{name}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def fingerprint(values: dict[str, Any]) -> str:
    """SHA-256 over values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def merged_values(inputs: dict[str, Any]) -> dict[str, Any]:
    """The files of values in their order, then `values` over them; secrets revealed.

    Nulls are left out unless `allowNullValues` keeps them, to remove a chart's default.
    """
    result: dict[str, Any] = {}
    for index, asset in enumerate(reveal(inputs.get("valueYamlFiles")) or []):
        for document in documents(_text(asset, index)):
            result = merge(result, document)
    values = reveal(inputs.get("values")) or {}
    if not inputs.get("allowNullValues"):
        values = without_nulls(values)
    return merge(result, values)


def _text(asset: Any, index: int) -> str:
    if isinstance(asset, str):
        asset = {"path": asset}
    if asset.get("text"):
        return str(asset["text"])
    if path := asset.get("path"):
        try:
            return Path(path).read_text()
        except OSError as error:
            raise ChartError(f"valueYamlFiles[{index}]: {path} cannot be read: {error.strerror}") from error
    if uri := asset.get("uri"):
        raise ChartError(
            f"valueYamlFiles[{index}]: {uri} is a remote file",
            "A rehearsal reads values from local files: use pulumi.FileAsset or pulumi.StringAsset.",
        )
    return ""


def merge(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Maps are merged key by key; anything else in `over` takes the place of what was there."""
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        result[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def without_nulls(value: Any) -> Any:
    """A copy without nulls in maps."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def plain(value: Any, default: Any = None) -> Any:
    """A single input without its secret mark; the default where it is absent or unknown."""
    value = value.value if isinstance(value, Secret) else value
    return default if value is None or value is UNKNOWN else value
