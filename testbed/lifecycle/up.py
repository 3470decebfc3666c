"""The stages that make a lab, in order. Each may be run again: it completes what is missing, and only that."""

from dataclasses import dataclass
from pathlib import Path

from mecai.errors import HostError, InputError
from testbed.drivers.nspawn import hosts, network, overlay
from testbed.lifecycle import health, preflight
from testbed.lifecycle.stages import Stage
from testbed.machine.lab import REPOSITORY, Lab, Record, write_file
from testbed.machine.waiting import Note
from testbed.model import topology
from testbed.model.plan import Plan
from testbed.provision import access, playbook, wheel
from testbed.provision.image import build
from testbed.scenarios import demonstration


@dataclass(frozen=True)
class Making:
    """One `up` of one lab: the plan, the file it came from, the image its hosts stand on."""

    lab: Lab
    plan: Plan
    source: Path
    image: build.Image
    show: demonstration.Show
    colour: bool = False

    def stages(self) -> list[Stage]:
        """List the stages; a name may be given to `testbed up --until`."""
        return [
            Stage("check", self._check),
            Stage("wheel", self._wheel, self.lab.log("wheel")),
            Stage("image", self._image, self.lab.log("image")),
            Stage("network", self._network, look=f"ip netns list | grep mecai.{self.lab.id}."),
            Stage("hosts", self._hosts, look=f"testbed status --lab {self.lab.id}"),
            Stage("converge", self._converge, self.lab.log("converge")),
            Stage("health", self._health, look=f"testbed status --lab {self.lab.id}"),
            Stage("demonstration", self._demonstration, look=f"testbed demo --lab {self.lab.id}"),
        ]

    def _check(self, note: Note) -> str:
        note("tools, kernel, disk")
        absent = [host for host in self.plan.topology.hosts if hosts.state(self.lab, host.name) != "running"]
        preflight.require(len(absent))
        self.lab.write_record(Record(str(REPOSITORY), str(self.source), self.plan.topology.digest, self.image.hash))
        write_file(self.lab.topology_file, self.source.read_text(encoding="utf-8"))
        return f"{len(self.plan.topology.hosts)} hosts in {len(self.plan.topology.zones)} zones"

    def _wheel(self, note: Note) -> str:
        note("building")
        path, built = self._ensure_wheel()
        return f"{'built' if built else 'unchanged'}: {path.name}"

    def _image(self, note: Note) -> str:
        built = build.ensure(self.image, self.lab.log("image"), note)
        return f"{'built' if built else 'cached'}: {self.image.hash}"

    def _network(self, note: Note) -> str:
        note("namespaces, bridges, veth pairs")
        made = network.ensure(self.lab, self.plan)
        return f"{made} namespaces made" if made else "unchanged"

    def _hosts(self, note: Note) -> str:
        note("starting")
        access.ensure_key(self.lab)
        booted = hosts.ensure(self.lab, self.plan, self.image.root, note)
        names = [host.name for host in self.plan.topology.hosts]
        access.write(
            self.lab,
            self.plan,
            joins={name: hosts.join_prefix(self.lab, name) for name in names},
            host_keys={name: overlay.ssh_host_key(self.lab, name) for name in names},
            wheel=self._ensure_wheel()[0],
        )
        return f"{booted} booted" if booted else f"unchanged: {len(names)} running"

    def _converge(self, note: Note) -> str:
        return playbook.run(self.lab, note)

    def _health(self, note: Note) -> str:
        note("asking every host")
        return f"{len(health.await_healthy(self.lab, self.plan))} hosts healthy"

    def _demonstration(self, note: Note) -> str:
        note("playing")
        return f"{len(demonstration.play(self.lab, self.plan, self.show, colour=self.colour))} scenes as expected"

    def _ensure_wheel(self) -> tuple[Path, bool]:
        return wheel.ensure(self.lab.directory / "wheel", self.lab.log("wheel"))


def choose_image(lab: Lab, model: topology.Topology) -> build.Image:
    """Compare what is wanted with what the lab is now, and return the image for its hosts; changes nothing.

    Raises `InputError` or `HostError` for a lab of another checkout, of another topology, or without its record.
    """
    record = lab.record()
    if record is None:
        if hosts.present(lab) or network.present(lab):
            raise HostError(f"lab {lab.id}: leftovers without a record: testbed down --lab {lab.id}, then up")
        return build.wanted()
    if record.checkout != str(REPOSITORY):
        raise HostError(
            f"lab {lab.id}: belongs to the checkout {record.checkout}: "
            "choose another id with --lab, or run testbed down there"
        )
    if record.digest != model.digest:
        raise InputError(
            f"lab {lab.id}: was made from another content of {record.topology}: "
            f"testbed down --lab {lab.id}, then up; or choose another id with --lab"
        )
    image = build.Image(record.image)
    if image.built:
        return image
    if (lab.directory / "hosts").exists():
        raise HostError(f"lab {lab.id}: its image {image.directory} is gone: testbed down --lab {lab.id}, then up")
    return build.wanted()
