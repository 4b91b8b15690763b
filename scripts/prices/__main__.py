"""`python -m scripts.prices`: makes the machine prices of the catalogue from checkouts of public tables."""

import csv
import json
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from infra.catalog.accelerators import DATA
from infra.catalog.machine_prices import COLUMNS, Source
from scripts.prices import plain, rows

AWS = ("https://github.com/skypilot-org/skypilot-catalog", "catalogs/v9/aws/vms.csv")
GOOGLE = (
    "https://github.com/cloudpilot-ai/karpenter-provider-gcp",
    "pkg/providers/pricing/initial-prices.json",
)
PLAIN_AWS = (
    "https://github.com/aws/karpenter-provider-aws",
    "pkg/providers/pricing/zz_generated.pricing_aws.go",
)
Revision = Annotated[
    Optional[tuple[str, str]],  # noqa: UP045 - typer reads it
    typer.Option(metavar="COMMIT DATE", help="Of what, where the directory is no checkout."),
]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def make(
    skypilot: Annotated[Path, typer.Argument(help=f"A checkout of {AWS[0]}, or a directory with its file.")],
    karpenter: Annotated[Path, typer.Argument(help=f"A checkout of {GOOGLE[0]}, or likewise.")],
    *,
    skypilot_revision: Revision = None,
    karpenter_revision: Revision = None,
    karpenter_aws: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help=f"A checkout of {PLAIN_AWS[0]}, for machines without accelerators."),
    ] = None,
    skypilot_note: Annotated[str, typer.Option(help="What the file lacks, where it is an extract.")] = "",
    out: Annotated[Path, typer.Option(help="Where the table is written.")] = DATA,
) -> None:
    """Write machine_prices.csv, the plain machines' tables, and machine_prices.json with the sources."""
    sources = [
        replace(_source("aws", AWS, skypilot, skypilot_revision), note=skypilot_note),
        _source("gcp", GOOGLE, karpenter, karpenter_revision),
    ]
    with (skypilot / AWS[1]).open(newline="") as file:
        found = rows.aws(csv.DictReader(file))
    of_google = json.loads((karpenter / GOOGLE[1]).read_text())["prices"]
    found += rows.google(of_google)
    _table(out / "machine_prices.csv", COLUMNS, map(rows.cells, rows.ordered(found)))
    _table(out / "gcp_plain_instances.csv", plain.GOOGLE_COLUMNS, plain.google(of_google))
    if karpenter_aws is not None:
        of_aws = plain.aws((karpenter_aws / PLAIN_AWS[1]).read_text())
        _table(out / "aws_plain_instances.csv", plain.AWS_COLUMNS, of_aws)
    text = json.dumps({"sources": [asdict(one) for one in sources]}, indent=2)
    (out / "machine_prices.json").write_text(f"{text}\n")


def _table(file: Path, columns: tuple[str, ...], lines: Iterable[tuple[Any, ...]]) -> None:
    with file.open("w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(lines)


def _source(cloud: str, origin: tuple[str, str], checkout: Path, revision: tuple[str, str] | None) -> Source:
    """Raises typer.BadParameter where neither a checkout nor a revision says of which date a file is."""
    url, file = origin
    if not (checkout / file).is_file():
        raise typer.BadParameter(f"{checkout} has no {file}; it should be a checkout of {url}")
    commit, date = revision or _committed(checkout, file)
    return Source(cloud=cloud, url=url, file=file, commit=commit, as_of=date)


def _committed(checkout: Path, file: str) -> tuple[str, str]:
    asked = ["git", "-C", str(checkout), "log", "-1", "--format=%h %cs", "--", file]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    if answer.returncode or not answer.stdout.strip():
        raise typer.BadParameter(f"{checkout} is no checkout; say the revision of {file} with an option")
    commit, date = answer.stdout.split()
    return commit, date


if __name__ == "__main__":
    app()
