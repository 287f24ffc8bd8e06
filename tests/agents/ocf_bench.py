"""OCF agents at work: the package's own, and ones that a test writes."""

import asyncio
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from twinbeat.agents.ocf import OcfAgent
from twinbeat.agents.programs import OcfProgram
from twinbeat.core.model import AgentKind, ResourceSpec
from twinbeat.core.units import Duration, seconds

PACKAGED = "/usr/lib/ocf"

METADATA = """<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
<resource-agent name="{name}" version="1.0"><version>1.0</version>
<longdesc lang="en">Long.</longdesc><shortdesc lang="en">Short</shortdesc>
<parameters>
<parameter name="here" required="1"><content type="string"/></parameter>
<parameter name="count"><content type="integer" default="3"/></parameter>
</parameters>
<actions>
<action name="start" timeout="{timeout}"/><action name="stop" timeout="{timeout}"/>
<action name="monitor" timeout="{timeout}" depth="0"/><action name="meta-data" timeout="5s"/>
</actions></resource-agent>
"""


class OcfBench:
    """A tree of agents of a test's own, and all that agents log."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "ocf"
        self.provider = self.root / "resource.d" / "test"
        self.provider.mkdir(parents=True, mode=0o755)
        self.here = directory
        self.logged: list[tuple[str, str]] = []

    def write(self, body: str, name: str = "Web", timeout: str = "5s", words: str = "") -> Path:
        """Write an agent; `$1` is the action, and every call is written down."""
        path = self.provider / name
        metadata = words or METADATA.format(name=name, timeout=timeout)
        path.write_text(
            f"#!/bin/sh\nif [ $1 = meta-data ]; then cat <<'END'\n{metadata}\nEND\nexit 0; fi\n"
            f"here={self.here}\nenv >$here/environment\necho $1 >>$here/calls\n{body}\n"
        )
        path.chmod(0o755)
        return path

    def agent(
        self,
        script: str = "test:Web",
        environment: Mapping[str, str] | None = None,
        *,
        given: Mapping[str, str] | None = None,
        root: str = "",
        start: float | None = None,
        stop: float | None = None,
        look: float | None = None,
        **parameters: str,
    ) -> OcfAgent:
        spec = ResourceSpec(
            name=script,
            agent=AgentKind.OCF,
            script=script,
            parameters=tuple({**(given or {}), **parameters}.items()),
            start_timeout=_span(start),
            stop_timeout=_span(stop),
            monitor_timeout=_span(look),
        )
        packaged = script.startswith("heartbeat:")
        program = OcfProgram(script, root or (PACKAGED if packaged else str(self.root)))
        return OcfAgent(spec, program, lambda *line: self.logged.append(line), environment or {})

    @property
    def called(self) -> list[str]:
        calls = self.here / "calls"
        return calls.read_text().split() if calls.exists() else []

    @property
    def environment(self) -> dict[str, str]:
        lines = (self.here / "environment").read_text().splitlines()
        return dict(line.partition("=")[::2] for line in lines if "=" in line)


def _span(count: float | None) -> Duration | None:
    return None if count is None else seconds(count)


def run(*steps: Coroutine[Any, Any, Any]) -> list[Any]:
    """Carry out steps one after the other, in one loop."""

    async def in_turn() -> list[Any]:
        return [await step for step in steps]

    return asyncio.run(asyncio.wait_for(in_turn(), 40))
