"""An agent that a Python package ships: a real installed one, in a process of its own."""

import sys
from pathlib import Path

import pytest
from ocf_bench import run

from twinbeat.agents.base import AgentError, Found
from twinbeat.agents.ocf import OcfAgent
from twinbeat.agents.programs import PythonProgram
from twinbeat.core.model import AgentKind, ResourceSpec
from twinbeat.core.units import seconds

AGENT = """
import time
from pathlib import Path
from twinbeat.agents.base import AgentError
from twinbeat.core.description import Action, Description, Parameter
from twinbeat.core.units import seconds


class Lamp:
    description = Description(
        name="lamp", version="1.2", short="A lamp", long="Shines, & hangs <on demand>.",
        parameters=(
            Parameter(name="file", required=True, short="Where it shines"),
            Parameter(name="colour", default="white"),
            Parameter(name="hangs", kind="boolean", default="no"),
        ),
        actions=(Action(name="start", timeout=seconds(9)), Action(name="monitor", depth=10)),
    )

    def __init__(self, name, parameters):
        self.name, self.parameters = name, parameters
        self.file = Path(parameters["file"])

    def start(self):
        if self.parameters["colour"] == "black":
            raise AgentError("no lamp shines black")
        if self.parameters["hangs"] == "yes":
            time.sleep(60)
        self.file.write_text(f"{self.name} {self.parameters['colour']}")

    def stop(self):
        self.file.unlink(missing_ok=True)

    def monitor(self, depth):
        if depth >= 10 and self.file.read_text().endswith("red"):
            raise ValueError("red is no colour for a deep look")
        return self.file.exists()
"""


@pytest.fixture
def package(tmp_path: Path) -> dict[str, str]:
    """A package as pip would lay it down; what finds it is in the environment."""
    (tmp_path / "acme.py").write_text(AGENT)
    info = tmp_path / "acme-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[twinbeat.agents]\nlamp = acme:Lamp\n")
    return {"PYTHONPATH": str(tmp_path)}


def agent(
    environment: dict[str, str], name: str = "lamp", start: float | None = None, **parameters: str
) -> OcfAgent:
    spec = ResourceSpec(
        name=name,
        agent=AgentKind.PYTHON,
        script=name,
        parameters=tuple(parameters.items()),
        start_timeout=None if start is None else seconds(start),
    )
    return OcfAgent(spec, PythonProgram(name), lambda level, text: None, environment)


def test_it_is_started_seen_and_stopped(package: dict[str, str], tmp_path: Path) -> None:
    light = tmp_path / "light"
    lamp = agent(package, file=str(light), colour="red")
    before, _, up, deep, _, after = run(
        lamp.monitor(), lamp.start(), lamp.monitor(), lamp.monitor(10), lamp.stop(), lamp.monitor()
    )
    assert [o.found for o in (before, up, deep, after)] == [
        Found.STOPPED, Found.RUNNING, Found.FAILED, Found.STOPPED,
    ]  # fmt: skip
    assert "ValueError: red is no colour for a deep look" in deep.reason


def test_it_describes_itself(package: dict[str, str]) -> None:
    (said,) = run(agent(package, file="x").describe())
    assert (said.name, said.version, said.short) == ("lamp", "1.2", "A lamp")
    assert said.long == "Shines, & hangs <on demand>."
    assert [(p.name, p.kind, p.default, p.required) for p in said.parameters] == [
        ("file", "string", None, True),
        ("colour", "string", "white", False),
        ("hangs", "boolean", "no", False),
    ]
    assert said.timeout("start") == seconds(9)


def test_what_it_raises_reaches_the_administrator(package: dict[str, str]) -> None:
    with pytest.raises(AgentError, match="a generic error; it said: no lamp shines black"):
        run(agent(package, file="x", colour="black").start())
    with pytest.raises(AgentError, match=r"OCF_ERR_CONFIGURED.*the parameter file is missing"):
        run(agent(package).start())


def test_one_that_hangs_is_killed(package: dict[str, str]) -> None:
    with pytest.raises(AgentError, match=r"start was killed after 1\.0 s"):
        run(agent(package, start=1, file="x", hangs="yes").start())


def test_one_that_nobody_ships_runs_nothing(package: dict[str, str]) -> None:
    outcome, _ = run(agent(package, "none").monitor(), agent(package).describe())
    assert outcome.found is Found.STOPPED
    assert "no Python package here offers the agent none (twinbeat.agents)" in outcome.reason
    with pytest.raises(AgentError, match="OCF_ERR_INSTALLED"):
        run(agent(package, "none").start())


def test_the_interpreter_is_the_daemons_own(package: dict[str, str]) -> None:
    command = PythonProgram("lamp").command()
    assert command is not None
    assert command[0] == sys.executable
