"""How tests run a coroutine in the laboratory's cage."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from twinbeat.lab import cage


def in_cage(body: Callable[[], Awaitable[Any]], directory: Path) -> Any:
    """Run a coroutine function in the cage and return what it returned, by way of JSON."""
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("needs root and network namespaces")
    answer = directory / "answer.json"

    def inside(_outer: int) -> int:
        async def work() -> None:
            answer.write_text(json.dumps(await body()))

        asyncio.run(work())
        return 0

    assert cage.run(inside) == 0
    return json.loads(answer.read_text())
