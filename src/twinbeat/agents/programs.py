"""Where an agent's program comes from, and what it needs to be called."""

import os
import sys
from typing import Protocol

from .trust import locate

OCF_ROOT = "/usr/lib/ocf"


class Program(Protocol):
    """A program that is called in the manner of the Open Cluster Framework."""

    missing: str
    """What is not there when there is no command, and what would help."""
    environment: dict[str, str]

    def command(self) -> tuple[str, ...] | None:
        """Return the words before the action; None when it is not there; raises `AgentError`."""


class OcfProgram:
    """`OCF_ROOT/resource.d/PROVIDER/TYPE`."""

    def __init__(self, script: str, root: str = OCF_ROOT) -> None:
        self.provider, _, self.type = script.partition(":")
        self._directory = os.path.join(root, "resource.d", self.provider)
        self.missing = f"there is no OCF agent {self._directory}/{self.type}"
        self.environment = {
            "OCF_ROOT": root,
            "OCF_RESOURCE_PROVIDER": self.provider,
            "OCF_RESOURCE_TYPE": self.type,
        }

    def command(self) -> tuple[str, ...] | None:
        """Return the agent's path."""
        path = locate(self.type, [self._directory])
        return (path,) if path else None


class PythonProgram:
    """An entry point of the group `twinbeat.agents`, in an interpreter of its own."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.missing = f"no Python package here offers the agent {name}"
        self.environment = {"OCF_RESOURCE_TYPE": name}

    def command(self) -> tuple[str, ...] | None:
        """Return the interpreter and the host of such agents, which says what is not there."""
        return (sys.executable, "-m", "twinbeat.agents.host", self._name)
