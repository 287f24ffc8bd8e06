"""Two guests, one for each room of cases: a Debian kernel under qemu's software emulation.

`./dev test` fetches the kernel. Nothing of the machine that tests is reachable from inside: a guest
has no disk and no network, two serial ports only, for its console and for what its cases came to.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import guest_service
from guest_image import Image, furnish

from unit_contract import CONDITIONS, ENABLED, MASKED, UNITS

ROOT = Path(__file__).parents[2]
KERNEL = Path(sys.prefix, "guest", "vmlinuz")
QEMU = "qemu-system-x86_64"
SITE, SOURCE, TESTS = "/srv/site", "/srv/src", "/srv/tests"
LIMIT = 300.0
"""Seconds after which a guest is ended, far more than it needs where nothing else runs."""

MANAGER = f"[Manager]\nDefaultEnvironment=PYTHONPATH={SOURCE}:{SITE}:{TESTS}\n"
TWINBEAT = "#!/usr/bin/python3 -B\nfrom twinbeat.cli.main import main\n\nmain()\n"
PLAY = f"""\
[Unit]
After=basic.target dbus.service
Requires=basic.target dbus.service
SuccessAction=poweroff-immediate
FailureAction=poweroff-immediate

[Service]
Type=oneshot
TimeoutStartSec=infinity
StandardOutput=file:/dev/ttyS0
StandardError=inherit
ExecStart=/usr/bin/python3 -B {TESTS}/guest_inside.py /dev/ttyS1
ExecStopPost=-/bin/cat {guest_service.LOG}
"""
ARGUMENTS = (
    "console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off init_on_alloc=0 lsm= audit=0 "
    "systemd.unit=play.service systemd.show_status=no"
)


@dataclass
class Told:
    """What a guest told: what went wrong with each case that was played, and its console."""

    cases: dict[str, str]
    console: str


def write_image(target: Path) -> None:
    """Write the root file system of both guests."""
    image = Image()
    furnish(image, SITE)
    image.python(ROOT / "src", SOURCE)
    image.python(ROOT / "tests" / "guest", TESTS)
    image.file(ROOT / "tests" / "unit_contract.py", f"{TESTS}/unit_contract.py")
    units = "/etc/systemd/system"
    for name, service in UNITS.items():
        install = "[Install]\nWantedBy=multi-user.target\n" if name == ENABLED else ""
        conditions = CONDITIONS.get(name, "")
        text = f"[Unit]\n{conditions}\n[Service]\n{service}\n{install}"
        image.text(f"{units}/{name}.service", text)
    image.link(f"{units}/multi-user.target.wants/{ENABLED}.service", f"../{ENABLED}.service")
    image.link(f"{units}/{MASKED}.service", "/dev/null")
    image.text(f"{units}/play.service", PLAY)
    image.text("/etc/systemd/system.conf.d/python.conf", MANAGER)
    image.text("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    image.text("/etc/hostname", "guest\n")
    image.file(
        ROOT / "packaging" / "systemd" / "twinbeat.service",
        "/usr/lib/systemd/system/twinbeat.service",
    )
    image.text("/usr/bin/twinbeat", TWINBEAT, 0o755)
    for path, text in guest_service.FILES.items():
        image.text(path, text, 0o600 if path.endswith("authkeys") else 0o755)
    image.write(target)


@contextmanager
def booted(directory: Path, image: Path, room: str) -> Iterator[subprocess.Popen[bytes]]:
    """Boot a guest that plays the cases of a room and then switches itself off."""
    with subprocess.Popen(
        [
            QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            # Without AVX: the emulation of it is slower than what it replaces.
            "-accel", "tcg", "-machine", "q35", "-cpu", "Nehalem", "-m", "768",
            "-kernel", str(KERNEL), "-initrd", str(image),
            "-append", f"{ARGUMENTS} systemd.setenv=ROOM={room}",
            "-serial", f"file:{directory / room}.console", "-serial", f"file:{directory / room}",
        ],
        stdin=subprocess.DEVNULL,
    ) as guest:  # fmt: skip
        try:
            yield guest
        finally:
            guest.kill()


def played(directory: Path, room: str, guest: subprocess.Popen[bytes]) -> Told:
    """Wait for a guest's end, and return what it told."""
    try:
        ended = f"qemu ended with code {guest.wait(LIMIT)}"
    except subprocess.TimeoutExpired:
        ended = f"it was not done within {LIMIT:.0f} s"
    console = (directory / f"{room}.console").read_text(errors="replace")
    lines = (directory / room).read_text(errors="replace").splitlines()
    cases = {told["case"]: told["wrong"] for told in map(json.loads, lines)}
    return Told(cases, f"the guest {room!r}: {ended}; its console:\n{console}")
