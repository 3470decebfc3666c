"""The stages that build a lab, in order. Each may be run again: it completes what is missing, and only that."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from mecai.errors import HostError, InputError
from testbed.drivers.driver import Driver
from testbed.lifecycle import birth, health, kept, preflight, renewal, restore
from testbed.lifecycle.birth import Birth
from testbed.lifecycle.stages import Stage
from testbed.machine.lab import REPOSITORY, Lab
from testbed.machine.waiting import Note
from testbed.model.plan import Plan, make
from testbed.model.snapshot import Snapshot
from testbed.model.topology import Topology
from testbed.provision import access, inventory, playbook, wheel
from testbed.provision.image import build
from testbed.scenarios import demonstration, journal
from testbed.scenarios.arena import Arena


@dataclass(frozen=True)
class LabBuild:
    """One `up` of one lab, which ends as its snapshot says: its hosts from `archive`, if there is one.

    Without one they come from what is kept of an earlier `up` of the same, unless it shall be `fresh`.
    """

    driver: Driver
    made: Snapshot
    show: demonstration.Show
    colour: bool = False
    archive: Path | None = None
    fresh: bool = False

    @property
    def lab(self) -> Lab:
        """The lab that is built."""
        return self.driver.lab

    @property
    def plan(self) -> Plan:
        """What the lab consists of."""
        return self.made.plan

    @property
    def arena(self) -> Arena:
        """The lab as scenarios see it."""
        return Arena.of(self.driver, self.plan)

    @property
    def image(self) -> build.Image:
        """What its hosts stand on."""
        return build.Image(self.made.image)

    def stages(self) -> list[Stage]:
        """List the stages; a name may be given to `testbed up --until`."""
        image, restored = Stage("image", self._image, self.lab.log("image")), Stage("restore", self._restore)
        return [
            Stage("check", self._check),
            Stage("wheel", self._wheel, self.lab.log("wheel")),
            *([restored, image] if self.archive else [image, restored]),  # an archive may bring its image
            *self._living(),
            Stage("demonstration", self._demonstration, look=f"testbed demo --lab {self.lab.id}"),
        ]

    def reset_stages(self) -> list[Stage]:
        """List the stages that put the hosts of the archive in the place of the lab's own."""
        return [Stage("restore", self._replace), *self._living()]

    def _living(self) -> list[Stage]:
        return [
            Stage("network", self._network, look=f"ip netns list | grep mecai.{self.lab.id}."),
            Stage("hosts", self._hosts, look=f"testbed status --lab {self.lab.id}"),
            Stage("converge", self._converge, self.lab.log("converge")),
            Stage("health", self._health, look=f"testbed status --lab {self.lab.id}"),
            Stage("keep", self._keep),
        ]

    def _check(self, note: Note) -> str:
        note("tools, kernel, disk")
        absent = [host for host in self.plan.topology.hosts if self.driver.state(host.name) != "running"]
        self.driver.make_room(len(absent))
        preflight.require(self.driver, len(absent))
        self.lab.write_snapshot(self.made)
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
        made = self.driver.ensure_network(self.plan)
        return f"{made} namespaces made" if made else "unchanged"

    def _hosts(self, note: Note) -> str:
        note("starting")
        access.ensure_key(self.lab)
        booted = self.driver.ensure_hosts(self.plan, self.image.root, note)
        names = [host.name for host in self.plan.topology.hosts]
        access.write(self.driver, names)
        inventory.write(self.lab, self.plan, self._ensure_wheel()[0])
        return f"{booted} booted" if booted else f"unchanged: {len(names)} running"

    def _restore(self, note: Note) -> str:
        """Bring the hosts back from an archive, unless the lab has hosts."""
        if (self.lab.directory / "hosts").exists():
            return "unchanged: the lab has hosts"
        if self.archive:
            return self._replace(note)
        return restore.bring_back(self.driver, self.made, note, fresh=self.fresh)

    def _replace(self, note: Note) -> str:
        """Put the hosts of the archive in the place of whatever the lab has."""
        if self.archive is None:
            raise InputError(f"lab {self.lab.id}: nothing to put in its place")
        found = restore.restore(self.driver, self.archive, "", note)
        return f"saved {found.at:%F %R} UTC: {self.archive}"

    def _converge(self, note: Note) -> str:
        born = birth.read(self.lab)
        if born is None or born.converged or not born.archive:
            return self._play(born, note)
        age = datetime.now(UTC) - datetime.fromisoformat(born.saved)
        if renewal.needs_status(age):
            note("certificate status")
            renewal.renew_status(self.driver, self.plan)
        played = f"; certificates: {self._play(born, note)}" if renewal.needs_converge(age) else ""
        if not renewal.needs_status(age):
            return f"left as it was {renewal.told(age)} ago"
        note("vouchers")
        renewal.renew_vouchers(self.driver, self.plan)
        return f"renewed what has ended since it was saved, {renewal.told(age)} ago: status, vouchers{played}"

    def _play(self, born: Birth | None, note: Note) -> str:
        played = playbook.converge(self.driver, note)
        if born:
            birth.write(self.lab, replace(born, converged=True))
        return played

    def _health(self, note: Note) -> str:
        note("undoing what an attack left")
        journal.stop(self.arena)
        note("asking every host")
        try:
            return f"{len(health.await_healthy(self.driver, self.plan))} hosts healthy"
        except HostError:
            birth.over(self.lab)  # what was kept may be what ails: the next `up` asks Ansible
            raise

    def _keep(self, note: Note) -> str:
        """Put the lab away while nothing has been played on it; that it cannot be is no reason to fail."""
        if (born := birth.read(self.lab)) is None:
            return "unchanged"
        note("packing")
        try:
            said = f"{kept.keep(self.driver, self.made, born) / 1e6:.0f} MB, for testbed reset --lab {self.lab.id}"
        except (HostError, OSError) as error:
            said = f"not kept: {error}"
        birth.over(self.lab)
        return said

    def _demonstration(self, note: Note) -> str:
        note("playing")
        steps = demonstration.play(self.arena, self.show, colour=self.colour)
        missing = demonstration.left_out(self.plan)
        return f"{len(steps)} steps as expected{f'; left out: {missing}' if missing else ''}"

    def _ensure_wheel(self) -> tuple[Path, bool]:
        return wheel.ensure(self.lab.directory / "wheel", self.lab.log("wheel"))


def intend(driver: Driver, model: Topology, source: Path) -> Snapshot:
    """Compare what is wanted with what the lab is now: its own snapshot, or that of a new lab; changes nothing.

    Raises `InputError` or `HostError` for a lab of another checkout, of another topology, or without its snapshot.
    """
    lab = driver.lab
    made = lab.snapshot()
    if made is None:
        _require_nothing(driver)
        return Snapshot(str(REPOSITORY), str(source.resolve()), build.wanted().hash, make(model))
    require_own(lab, made)
    if made.plan.topology.digest != model.digest:
        raise InputError(
            f"lab {lab.id}: was made from another content of {made.source}: "
            f"testbed down --lab {lab.id}, then up; or choose another id with --lab"
        )
    image = build.Image(made.image)
    if image.built:
        return made
    if (lab.directory / "hosts").exists():
        raise HostError(f"lab {lab.id}: its image {image.directory} is gone: testbed down --lab {lab.id}, then up")
    return replace(made, image=build.wanted().hash)


def intend_saved(driver: Driver, file: Path) -> Snapshot:
    """Return what a lab will be that is made from an archive; raises for one that is there, and no part of it yet."""
    lab = driver.lab
    made, born = lab.snapshot(), birth.read(lab)
    if made is None:
        _require_nothing(driver)
    else:
        require_own(lab, made)
    if (lab.directory / "hosts").exists() and not (born and born.archive == str(file)):
        raise InputError(
            f"lab {lab.id}: is there: testbed reset --lab {lab.id} for one of its own saves; "
            f"testbed down --lab {lab.id} first, or another id with --lab, for an archive"
        )
    return restore.adopted(kept.read(file))


def require_own(lab: Lab, made: Snapshot) -> None:
    """Raise `HostError` for a lab of another checkout."""
    if made.checkout != str(REPOSITORY) and not Path(made.checkout).exists():
        raise HostError(
            f"lab {lab.id}: was made by the checkout {made.checkout}, which is no more (this is {REPOSITORY}): "
            f"testbed down --lab {lab.id}, then up"
        )
    if made.checkout != str(REPOSITORY):
        raise HostError(
            f"lab {lab.id}: belongs to the checkout {made.checkout}: "
            "choose another id with --lab, or run testbed down there"
        )


def _require_nothing(driver: Driver) -> None:
    if driver.present():
        lab = driver.lab
        raise HostError(f"lab {lab.id}: leftovers without a record: testbed down --lab {lab.id}, then up")
