"""The scenarios of the repository."""

from pathlib import Path

from twinbeat.scenario import Script, parse

ROOT = Path(__file__).parent.parent.parent
FILES = sorted((ROOT / "scenarios").glob("*.txt"))


def script(path: Path) -> Script:
    return parse(path.read_text(), f"scenarios/{path.name}")
