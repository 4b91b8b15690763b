"""The machines of one network on this machine: what the controller does, and a trial of one machine alone."""

from dataclasses import dataclass
from pathlib import Path

from rehearsal.machines import accel, qemu
from rehearsal.machines.image import Image, authority
from rehearsal.machines.metadata.service import Guest, Service, serve
from rehearsal.machines.model import Account, Instance
from rehearsal.machines.network import firewall, names, namespace
from rehearsal.machines.network.plan import Plan
from rehearsal.paths import Paths


@dataclass
class Host:
    """A network with its services, and the means to boot machines in it."""

    paths: Paths
    plan: Plan
    image: Image
    how: qemu.Boot
    metadata: Service

    @classmethod
    def prepare(cls, paths: Paths, plan: Plan, image: Image) -> "Host":
        """Make the network and start the metadata service in it."""
        namespace.ensure(plan)
        return cls(
            paths=paths,
            plan=plan,
            image=image,
            how=qemu.Boot(
                kernel=image.kernel,
                initrd=authority.initrd(paths, image),
                accelerator=accel.choose(paths, image),
            ),
            metadata=serve(plan, paths.run / "machines" / "token-key"),
        )

    @property
    def emulated(self) -> bool:
        """Whether machines are interpreted, so that each of them takes whole cores."""
        return self.how.accelerator == accel.TCG

    def keep(self, plan: Plan) -> None:
        """Have the network as planned, whatever others have done to it."""
        self.plan = plan
        namespace.ensure(plan)

    def arrange(self, account: Account) -> None:
        """Bring names and firewall in line with the account."""
        names.ensure(account, self.plan, qemu.own(self.paths))
        namespace.load(self.plan, firewall.render(account, self.plan))

    def answer(self, guests: dict[str, Guest]) -> None:
        """Say who is behind which address."""
        self.metadata.guests = guests

    def boot(self, instance: Instance, account: Account, disk: Path | None = None) -> None:
        """Start an instance's machine. disk: what it starts from, the image's where there is none."""
        namespace.add_tap(self.plan, instance, account.subnets[instance.subnet])
        qemu.start(self.paths, self.plan, instance, disk or self.image.disk, self.how)

    def end(self, instance: Instance) -> None:
        """End an instance's machine at once, with its interface."""
        qemu.kill(self.paths, instance.id)
        namespace.remove_tap(self.plan, instance.tap)


def stop(paths: Paths, plan: Plan) -> None:
    """End every machine of a network, its servers, and the network."""
    for instance_id in qemu.recorded(paths):
        qemu.kill(paths, instance_id)
    names.stop(qemu.own(paths))
    namespace.remove(plan)
