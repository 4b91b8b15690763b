"""Launch templates: what belongs to the template itself is not in its data, and versions stem from others."""

from collections.abc import Mapping
from typing import Any

from rehearsal.clouds.aws.additions import answers
from rehearsal.clouds.aws.calls import Call
from rehearsal.clouds.aws.emulator import backends


@answers("ec2", "CreateLaunchTemplate")
def create(call: Call) -> Mapping[str, Any]:
    """The template's own tags are on the template only."""
    reply = call.forward()
    with backends() as backend:
        template = backend("ec2", call.region).get_launch_template(
            reply["LaunchTemplate"]["LaunchTemplateId"]
        )
        for version in template.versions:
            given = call.params.get("LaunchTemplateData", {}).get("TagSpecifications")
            if given:
                version.data["TagSpecifications"] = given
            else:
                version.data.pop("TagSpecifications", None)
    return reply


@answers("ec2", "CreateLaunchTemplateVersion")
def create_version(call: Call) -> Mapping[str, Any]:
    """A version that stems from another has what it does not say itself from that one."""
    source = call.params.get("SourceVersion")
    if source is None:
        return call.forward()
    key = {
        name: call.params[name] for name in ("LaunchTemplateId", "LaunchTemplateName") if name in call.params
    }
    found = call.moto_operation("DescribeLaunchTemplateVersions")(**key, Versions=[str(source)])
    base = found["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    return call.forward(SourceVersion=None, LaunchTemplateData={**base, **call.params["LaunchTemplateData"]})
