"""An image of one's own machine or registry, as a resource: copied into an ECR repository under its tag.

A tag follows from the image's content, so an image that is there under its tag is the image wanted.
"""

import asyncio

import pulumi
from pulumi.dynamic import Resource

from infra.registry.copying import ImageProvider, publish


class PublishedImage(Resource, module="berth", name="Image"):
    """An image in a repository of ECR; goes with the resource.

    source: where it is copied from, as skopeo names it: docker-daemon:berth/train:<tag>.
    repository: the repository's URL. The login for it is asked for when it is needed, and is in no state.
    reference: what machines pull. digest: of the manifest, sha256:….
    """

    reference: pulumi.Output[str]
    digest: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        source: str,
        repository: pulumi.Input[str],
        tag: str,
        region: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props = {
            "source": source,
            "repository": repository,
            "tag": tag,
            "region": region,
            "reference": None,
            "digest": None,
        }
        first = pulumi.ResourceHookBinding(before_create=[pulumi.ResourceHook(name, _publish)])
        hooked = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(hooks=first))
        super().__init__(ImageProvider(), name, props, hooked)


async def _publish(args: pulumi.ResourceHookArgs) -> None:
    """Do it before the provider does, which finds it done.

    Of what a dynamic provider raises the SDK shows the traceback, of what a hook raises the text alone.
    https://github.com/pulumi/pulumi/blob/master/sdk/python/lib/pulumi/dynamic/__main__.py
    """
    await asyncio.to_thread(publish, args.new_inputs or {})
