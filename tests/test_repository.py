"""What holds for the repository as a whole."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGES = ("edge", "calibration", "simulator", "training")
MODULES = sorted(path for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py"))
PYTHONS = ("3.11", "3.12", "3.13")

# Put together here, so that this file does not hold what it forbids.
REGISTRIES = [
    "".join(parts)
    for parts in (
        ("pypi", ".org"), ("python", "hosted.org"), ("npmjs", ".org"), ("registry.", "npm"),
        ("deb.", "debian.org"), ("piwheels", ".org"), ("crates", ".io"), ("proxy.", "golang.org"),
        ("--index", "-url"), ("--extra-index", "-url"), ("find", "-links"),
    )
]  # fmt: skip


def name_of(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """Files that git knows."""
    if shutil.which("git") is None or not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={REPOSITORY}", "ls-files", "-z"],
        cwd=REPOSITORY, capture_output=True, check=True,
    )  # fmt: skip
    paths = (REPOSITORY / name for name in listed.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


@pytest.fixture(scope="module")
def texts(tracked) -> dict[str, str]:
    found = {}
    for path in tracked:
        content = path.read_bytes()
        if b"\0" not in content:
            found[name_of(path)] = content.decode("utf-8")
    return found


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_short_and_says_what_it_is(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    assert ast.get_docstring(ast.parse(text))


def test_no_file_is_large(tracked):
    assert [name_of(path) for path in tracked if path.stat().st_size > 1_000_000] == []


def test_no_file_names_a_package_registry(texts):
    found = [(name, host) for name, text in texts.items() for host in REGISTRIES if host in text]
    assert found == []


def test_no_file_names_a_place_of_this_machine(texts):
    system = {Path("/") / name for name in ("", "home", "opt", "srv", "tmp", "usr", "var")}
    places = {REPOSITORY, REPOSITORY.parent, Path.home()} - system
    machine = re.compile("|".join(re.escape(f"{place}/") for place in places))
    found = [(name, match[0]) for name, text in texts.items() if (match := machine.search(text))]
    assert found == []


HEAVY = {
    "numpy", "cv2", "numba", "pydantic", "typer", "rich", "scipy", "tflite_runtime",
    "ai_edge_litert",
}  # fmt: skip


@pytest.mark.parametrize(
    ("does", "may"),
    [
        ("import edge, edge.errors", set()),
        ("import edge.frame, calibration.jit", {"numpy"}),
        ("from edge.cli.main import main; main(['--help'])", {"typer"}),
        (
            "from edge.cli.main import main; main(['run', '--help'])",
            {"typer", "pydantic"},
        ),  # Typer's
        ("from edge.cli.main import main; main(['config', 'show'])", {"typer", "pydantic"}),
    ],
    ids=["edge", "frame", "help", "run help", "config show"],
)
def test_what_is_not_needed_is_not_imported(does, may):
    code = f"{does}\nimport sys; sys.stderr.write(repr(set(sys.modules) & {HEAVY}))"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert set(ast.literal_eval(ended.stderr.replace("set()", "[]"))) <= may


def test_every_package_tells_that_it_is_typed():
    for package in PACKAGES:
        assert (REPOSITORY / package / "py.typed").is_file(), package


def test_the_checks_cover_every_package(project):
    built = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(built) == sorted(PACKAGES)
    assert sorted(project["tool"]["mypy"]["packages"]) == sorted(PACKAGES)
    assert sorted(project["tool"]["importlinter"]["root_packages"]) == sorted(PACKAGES)


def requirements(project: dict) -> set[str]:
    """Names of all that the project asks for, as pip writes them."""
    extras = project["project"]["optional-dependencies"].values()
    asked = [*project["project"]["dependencies"], *(one for extra in extras for one in extra)]
    return {normal(re.match(r"[\w.-]+", one)[0]) for one in asked}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("version", PYTHONS)
def test_constraints_hold_an_exact_version_of_all_that_is_asked_for(project, version):
    path = REPOSITORY / "constraints" / f"py{version.replace('.', '')}.txt"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    for line in lines:
        assert re.fullmatch(r"[\w.-]+==[\w.+!]+", line), line
    held = {normal(line.partition("==")[0]) for line in lines}
    assert requirements(project) - {"tflite-runtime"} <= held


def test_the_old_runtime_has_constraints_of_its_own(project):
    lines = (REPOSITORY / "constraints/tflite.txt").read_text().splitlines()
    (asked,) = project["project"]["optional-dependencies"]["tflite-runtime"]
    assert asked.partition(";")[0] in lines
    (numpy,) = (line for line in lines if line.startswith("numpy=="))
    assert numpy.startswith("numpy==1.")


def test_each_supported_python_has_its_constraints(project):
    classifiers = project["project"]["classifiers"]
    named = {line.rpartition(" ")[2] for line in classifiers if ":: 3." in line}
    assert named == set(PYTHONS)
    found = {path.name for path in (REPOSITORY / "constraints").iterdir()}
    assert found == {f"py{version.replace('.', '')}.txt" for version in PYTHONS} | {"tflite.txt"}


def test_hooks_run_what_the_project_installs_and_nothing_from_elsewhere(project):
    hooks = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())
    assert [repository["repo"] for repository in hooks["repos"]] == ["local"]
    checks = {normal(re.match(r"[\w.-]+", one)[0])
              for one in project["project"]["optional-dependencies"]["check"]}  # fmt: skip
    programs = {"lint-imports": "import-linter"}
    for hook in hooks["repos"][0]["hooks"]:
        folder, _, program = hook["entry"].split()[0].rpartition("/")
        assert folder == ".venv/bin"
        assert programs.get(program, program) in checks
        assert hook["language"] == "system"


@pytest.mark.parametrize(
    "script",
    [
        "tools/find-python",
        "tools/setup",
        "tools/packages",
        "tools/lock",
        "tools/test-aarch64",
        "tools/test-tflite",
    ],
)
def test_scripts_are_executable_and_their_shell_reads_them(script):
    path = REPOSITORY / script
    assert path.stat().st_mode & 0o111
    subprocess.run(["sh", "-n", path], check=True, timeout=60)


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
def test_help_lists_every_target():
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split()
    # Not as a make inside `make test`: that would print its folder as well.
    outside = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    shown = subprocess.run(
        ["make", "help"],
        cwd=REPOSITORY, env=outside, capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    assert [line.split()[0] for line in shown.splitlines()] == targets
