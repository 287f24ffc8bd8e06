"""Numbers and habits that a reader may rely on, for every file of ours."""

import ast
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE, TESTS = ROOT / "src" / "twinbeat", ROOT / "tests"
MODULE_LINES, FUNCTION_LINES, LINE_LENGTH = 400, 70, 100
TEST_LINES = 600
"""A table of cases may be longer than code that has to be understood as a whole."""
UNFINISHED = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")))
LEFTOVERS = re.compile(r"\.(orig|rej|bak|swp|pyc)$|~$|(^|/)\.DS_Store$|^(core|nohup\.out)$")
PRAGMA = re.compile(r"\s*# (type: ignore|noqa).*$")
USUAL = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def python(*roots: Path) -> list[Path]:
    return sorted(path for root in roots for path in root.rglob("*.py"))


def parsed(*roots: Path) -> Iterator[tuple[Path, ast.Module]]:
    for path in python(*roots):
        yield path, ast.parse(path.read_text())


def where(path: Path, line: int | None = None) -> str:
    return f"{path.relative_to(ROOT)}" + (f":{line}" if line else "")


def tracked() -> list[str]:
    """Return the files that git knows and those it would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in run.stdout.splitlines() if (ROOT / name).exists()]


# Size.


def test_modules_are_short() -> None:
    most = {SOURCE: MODULE_LINES, TESTS: TEST_LINES}
    lengths = {p: len(p.read_text().splitlines()) for p in python(SOURCE, TESTS)}
    long = {
        where(path): count
        for root, limit in most.items()
        for path, count in lengths.items()
        if path.is_relative_to(root) and count > limit
    }
    assert long == {}


def test_functions_fit_a_screen() -> None:
    long = [
        where(path, node.lineno)
        for path, tree in parsed(SOURCE, TESTS)
        for node in ast.walk(tree)
        if isinstance(node, Function)
        and (node.end_lineno or node.lineno) - node.lineno >= FUNCTION_LINES
    ]
    assert long == []


def test_lines_are_short() -> None:
    long = [
        where(path, number)
        for path in python(SOURCE, TESTS)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(PRAGMA.sub("", line)) > LINE_LENGTH
    ]
    assert long == []


# Words.


def public(parent: ast.Module | ast.ClassDef) -> Iterator[ast.ClassDef | Function]:
    """Yield what a module offers, and its public classes."""
    for node in parent.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("_"):
                continue
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node)


def test_what_is_public_says_what_it_is() -> None:
    silent = []
    for path, tree in parsed(SOURCE):
        if ast.get_docstring(tree) is None:
            silent.append(where(path))
        silent += [where(path, n.lineno) for n in public(tree) if ast.get_docstring(n) is None]
    assert silent == []


def test_documents_that_the_code_names_exist() -> None:
    missing = [
        f"{where(path)} names {name}"
        for path in python(SOURCE)
        for name in sorted(set(re.findall(r"\b([\w-]+\.md)\b", path.read_text())))
        if not (ROOT / name).exists() and not (ROOT / "docs" / name).exists()
    ]
    assert missing == []


def test_sections_of_the_protocol_that_are_cited_exist() -> None:
    protocol = (ROOT / "docs" / "protocol.md").read_text()
    sections = set(re.findall(r"^#+ (\d+(?:\.\d+)?)", protocol, re.MULTILINE))
    cited = re.compile(r"\bprotocol(?:\.md)?\s(?:#\s)?(\d(?:\.\d+)?)(?:(?:,| and| to) (\d\.\d+))?")
    wrong = []
    for path in [*python(SOURCE, TESTS / "core"), *(TESTS / "core").rglob("*.txt")]:
        for match in cited.finditer(path.read_text()):
            numbers = {number for number in match.groups() if number}
            wrong += [f"{where(path)} cites {number}" for number in numbers - sections]
    assert wrong == []


@pytest.mark.parametrize("name", USUAL)
def test_a_stranger_finds_the_documents_that_are_usual(name: str) -> None:
    assert (ROOT / name).read_text().startswith("# ")


# Leftovers.


def test_nothing_is_left_unfinished_or_lying_about() -> None:
    names = tracked()
    assert [name for name in names if LEFTOVERS.search(name)] == []
    text = [name for name in names if name.endswith((".py", ".md", ".toml", ".sh", ".service"))]
    found = [
        f"{name}:{number}"
        for name in [*text, "dev"]
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert found == []


def test_no_debugger_is_left() -> None:
    calls = [
        where(path, node.lineno)
        for path, tree in parsed(SOURCE, TESTS)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("breakpoint", "pdb.set_trace")
    ]
    assert calls == []


def test_every_module_is_used() -> None:
    used = set()
    for path, tree in parsed(SOURCE):
        package = ["twinbeat", *path.relative_to(SOURCE).parent.parts]
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                used |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else []
                module = ".".join([*base, *([node.module] if node.module else [])])
                used |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    for path in (ROOT / "dev", ROOT / "pyproject.toml", *python(SOURCE)):  # Programs by name.
        used |= set(re.findall(r"(?:-m |= \")(twinbeat\.[\w.]+)", path.read_text()))
    modules = {
        ".".join(["twinbeat", *path.relative_to(SOURCE).with_suffix("").parts])
        for path in python(SOURCE)
        if path.stem not in ("__init__", "__main__")
    }
    assert modules - used == set()


# Tests.


def test_no_test_sleeps_except_to_look_again() -> None:
    sleeps = set()
    for path, tree in parsed(TESTS):
        looking = {
            id(node)
            for loop in ast.walk(tree)
            if isinstance(loop, ast.While | ast.For)
            for node in ast.walk(loop)
        }
        sleeps |= {
            where(path, node.lineno)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "time.sleep"
            if id(node) not in looking
        }
    assert sleeps == set()


def test_modules_of_tests_have_names_of_their_own() -> None:
    names = Counter(path.stem for path in python(TESTS) if path.stem != "conftest")
    assert [name for name, count in names.items() if count > 1] == []


def test_helpers_of_tests_are_used() -> None:
    texts = {path.stem: path.read_text() for path in python(TESTS)}
    unused = [
        name
        for name in texts
        if not name.startswith(("test_", "conftest"))
        and not any(re.search(rf"\b{name}\b", texts[other]) for other in texts if other != name)
    ]
    assert unused == []
