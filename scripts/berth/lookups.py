"""What a preview looks up beside itself: quotas and capacity of the account that it would change.

Nothing here fails a preview: what cannot be asked is said. boto3 is imported only where AWS is asked.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from rehearsal.errors import BerthError
from scripts.berth import values
from scripts.berth.place import Place

if TYPE_CHECKING:
    from infra.spend.capacity import Capacity
    from infra.spend.preview.decision import Found
    from infra.spend.preview.reading import Recording
    from infra.spend.preview.wanting import Machines
    from infra.spend.quota import Granted, Need

NOT_ASKED: tuple[str, ...] = ("not looked up (--no-live)",)


def prepare(place: Place, env: str) -> None:
    """Import what asking takes, where the environment is on AWS, while the engine works."""
    try:
        asked = values.read(values.file_of(place, env))
        if str(asked.get("target", "")).startswith("aws") and asked.get("region"):
            from scripts.berth.aws import clients, lookups  # noqa: F401 - the import is what takes long

            for service in ("ec2", "service-quotas"):
                clients.client(place, service, str(asked["region"]))
    except BerthError:
        return


def found(place: Place, recording: "Recording", *, live: bool) -> "Found":
    """What the environment needs, judged by what the account has."""
    from infra.spend import quota
    from infra.spend.capacity import judge
    from infra.spend.preview import cost, wanting
    from infra.spend.preview.decision import Found

    if recording.failures:
        return Found()
    before, after = cost.before(recording), cost.after(recording)
    needs_before, needs_after = quota.needs(before), quota.needs(after)
    wanted = wanting.machines(after)
    granted: dict[tuple[str, str], Granted] = {}
    looked: list[Capacity] = []
    quota_notes = capacity_notes = NOT_ASKED
    if live:
        with ThreadPoolExecutor(max_workers=1) as beside:
            asked = beside.submit(_granted, place, needs_after)
            looked, capacity_notes = _capacity(place, wanted)
            granted, quota_notes = asked.result()
    zones = [line for one, each in zip(wanted, looked, strict=False) for line in judge(each, one.wanted)]
    return Found(
        quota=tuple(quota.judge(needs_before, needs_after, granted)),
        quota_notes=quota_notes if needs_after else (),
        zones=tuple(zones),
        images=tuple(dict.fromkeys(image for one in looked for image in one.images)),
        capacity_notes=capacity_notes if wanted else (),
    )


def _granted(
    place: Place, needs: Sequence["Need"]
) -> "tuple[dict[tuple[str, str], Granted], tuple[str, ...]]":
    granted: dict[tuple[str, str], Granted] = {}
    notes: list[str] = []
    for region in dict.fromkeys(one.region for one in needs if one.service):
        from scripts.berth.aws import lookups

        granted |= lookups.quota(place, region, needs, notes.append)
    return granted, tuple(dict.fromkeys(notes))


def _capacity(place: Place, wanted: Sequence["Machines"]) -> "tuple[list[Capacity], tuple[str, ...]]":
    looked: list[Capacity] = []
    for one in wanted:
        from scripts.berth.aws import lookups

        told = lookups.capacity(
            place,
            one.region,
            one.wanted.instance_types,
            one.wanted.zones,
            one.count,
            spot=one.wanted.spot,
            images=one.images,
        )
        looked.append(told)
    return looked, tuple(dict.fromkeys(note for one in looked for note in one.not_asked))
