"""The command line's shell: help, bad use, faults, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

import edge
from edge.cli import main as shell
from edge.cli.shared import print_json, with_default
from edge.config import Config, load_config
from edge.errors import BadUse, Failed

PROGRAM = [sys.executable, "-m", "edge.cli.main"]


def call(*arguments: str, **settings) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, text=True, timeout=60, check=False, **settings
    )


@pytest.fixture
def command(monkeypatch):
    """Make a function the command `run`, and give `main` with what it printed."""

    def install(function=None, *, app=None):
        module = type(sys)("edge.cli.made_up")
        if function is not None:
            module.command = function
        if app is not None:
            module.app = app
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(shell, "COMMANDS", {"run": (module.__name__, "A line.")})

    monkeypatch.delenv("COSMIC_EDGE_DEBUG", raising=False)
    return install


def raising(error: BaseException):
    def command() -> None:
        """Fail."""
        raise error

    return command


def test_help_names_every_command_and_imports_nothing_heavy():
    code = (
        "import sys; from edge.cli.main import main; code = main(['--help']);"
        "heavy = {'numpy', 'cv2', 'numba', 'pydantic', 'paho', 'rich', 'astropy', 'asyncio'};"
        "print(sorted(heavy & set(sys.modules)), code)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    lines = result.stdout.splitlines()
    assert lines[-1] == "[] 0"
    for name, (_, line) in shell.COMMANDS.items():
        assert any(text.split() == [name, *line.split()] for text in lines)


@pytest.mark.parametrize("name", shell.COMMANDS)
def test_every_command_has_help(name, capsys):
    assert shell.main([name, "--help"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"Usage: cosmic-edge {name} ")
    assert "--help" in printed


def test_the_version_is_the_package_s(capsys):
    assert shell.main(["--version"]) == 0
    assert capsys.readouterr().out == f"cosmic-edge {edge.__version__}\n"
    project = tomllib.loads((Path(edge.__file__).parents[1] / "pyproject.toml").read_text())
    assert project["project"]["version"] == edge.__version__


def test_without_a_command_the_help_is_shown_as_bad_use(capsys):
    assert shell.main([]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("Usage: cosmic-edge ")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["rnu"], "No such command 'rnu'. Did you mean 'run'? (see cosmic-edge --help)"),
        (["--verson"], "No such option: --verson"),
        (["config", "shw"], "No such command 'shw'. Did you mean 'show'? (see cosmic-edge config"),
        (["config", "show", "extra"], "Got unexpected extra argument"),
        (["config", "show", "--config"], "Option '--config' requires an argument"),
    ],
)
def test_bad_use_is_one_line_and_exit_code_2(arguments, line, capsys):
    assert shell.main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"cosmic-edge: {line}")
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (Failed("the disk is full"), 1, "the disk is full"),
        (BadUse("no such\n  source"), 2, "no such source"),
        (typer.BadParameter("not that"), 2, "Invalid value: not that (see cosmic-edge run"),
        (KeyboardInterrupt(), 1, "interrupted"),
        (FileNotFoundError(2, "No such file", "/x  y"), 1, "/x  y: No such file"),
        (BrokenPipeError(32, "Broken pipe"), 1, "Broken pipe"),
        (MemoryError(), 1, "not enough memory"),
        (
            ModuleNotFoundError("no", name="astropy.io"),
            1,
            "this needs astropy; install it with: pip install 'cosmic-edge[fits]'",
        ),
        (
            ValueError("two\nlines"),
            1,
            "internal error: ValueError: two lines at test_main.py:",
        ),
    ],
)
def test_a_fault_is_one_line_and_an_exit_code(command, capsys, error, code, line):
    command(raising(error))
    assert shell.main(["run"]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"cosmic-edge: {line}")
    assert printed.err.count("\n") == 1
    assert "Traceback" not in printed.err


def test_the_traceback_is_shown_where_it_is_asked_for(command, capsys, monkeypatch):
    monkeypatch.setenv("COSMIC_EDGE_DEBUG", "1")
    command(raising(RuntimeError("why")))
    assert shell.main(["run"]) == 1
    printed = capsys.readouterr().err
    assert "Traceback (most recent call last)" in printed
    assert printed.splitlines()[-1].startswith("cosmic-edge: internal error: RuntimeError: why")


@pytest.mark.parametrize(
    ("result", "code"), [(None, 0), (3, 3), (True, 0), ({"hits": 1}, 0), ("text", 0)]
)
def test_a_number_that_a_command_returns_is_its_exit_code(command, result, code):
    command(lambda: result)
    assert shell.main(["run"]) == code


def test_a_command_may_end_itself(command):
    command(raising(typer.Exit(7)))
    assert shell.main(["run"]) == 7


def test_a_wrong_choice_is_one_line(command, capsys):
    def run(count: int) -> None:
        """Take a number."""

    command(run)
    assert shell.main(["run", "many"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["config", "show", "--config", ""], "--config"),
        (["config", "show", "--config="], "--config"),
        (["replay", ""], "an argument"),
        (["replay", "  ", "--json"], "an argument"),
    ],
)
def test_an_empty_argument_is_bad_use_and_not_this_folder(arguments, name, capsys):
    assert shell.main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"cosmic-edge: {name} is empty; is a shell variable not set?\n"


def test_a_warning_of_the_log_looks_like_every_other_line(command):
    code = (
        "import logging; from edge.cli.main import main; main(['--version']);"
        "logging.getLogger('edge.live').warning('the broker is gone')"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.stderr == "cosmic-edge: the broker is gone\n"


def test_a_name_in_no_encoding_is_printed(command, capsys):
    command(lambda: print_json({"path": os.fsdecode(b"\xff"), "word": "\u00e9"}))
    assert shell.main(["run"]) == 0
    assert json.loads(capsys.readouterr().out) == {"path": "\udcff", "word": "\u00e9"}
    command(lambda: print(os.fsdecode(b"\xff")))
    assert shell.main(["run"]) == 0
    assert capsys.readouterr().out == "\\udcff\n"


def test_every_extra_is_declared_in_the_project():
    project = tomllib.loads((Path(edge.__file__).parents[1] / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    named = {"sklearn": "scikit-learn", "prometheus_client": "prometheus-client"}
    for package, extra in shell.EXTRAS.items():
        wanted = named.get(package, package)
        assert any(requirement.startswith(wanted) for requirement in extras[extra])


def test_a_reader_that_leaves_early_ends_it_without_a_word():
    with subprocess.Popen(
        [*PROGRAM, "config", "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_a_full_disk_under_the_output_is_one_line():
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [*PROGRAM, "config", "show"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert result.stderr == b"cosmic-edge: No space left on device\n"
    assert result.returncode == 1


class TestDefaultCommand:
    @pytest.fixture
    def calls(self, command):
        calls = []
        app = typer.Typer(cls=with_default("make"))

        @app.command("make")
        def make(source: str, out: str = typer.Option(..., "--out", help="Where to.")) -> None:
            """Make one from SOURCE."""
            calls.append(("make", source, out))

        @app.command("show")
        def show(file: str) -> None:
            """Look at one."""
            calls.append(("show", file))

        command(app=app)
        return calls

    @pytest.mark.parametrize(
        "arguments",
        [["darks", "--out", "x"], ["--out", "x", "darks"], ["make", "darks", "--out", "x"]],
    )
    def test_it_may_be_left_out(self, calls, arguments):
        assert shell.main(["run", *arguments]) == 0
        assert calls == [("make", "darks", "x")]

    def test_the_others_are_still_there(self, calls):
        assert shell.main(["run", "show", "file"]) == 0
        assert calls == [("show", "file")]

    def test_a_source_with_the_name_of_a_command_is_written_as_a_path(self, calls):
        assert shell.main(["run", "./show", "--out", "x"]) == 0
        assert calls == [("make", "./show", "x")]

    def test_without_arguments_the_missing_one_is_named(self, calls, capsys):
        assert shell.main(["run"]) == 2
        assert "Missing" in capsys.readouterr().err
        assert calls == []

    def test_its_help_is_the_group_s_help(self, calls, capsys):
        assert shell.main(["run", "--help"]) == 0
        printed = capsys.readouterr().out
        assert printed.startswith("Usage: cosmic-edge run [OPTIONS] {source}")
        assert "--out" in printed
        assert "show  Look at one." in printed
        assert "make " not in printed


class TestConfigCommands:
    def test_show_prints_a_file_that_check_accepts(self, tmp_path, capsys):
        assert shell.main(["config", "show"]) == 0
        path = tmp_path / "rig.toml"
        path.write_text(capsys.readouterr().out, encoding="utf-8")
        assert shell.main(["config", "check", "--config", str(path)]) == 0
        assert capsys.readouterr().out == f"{path}: good\n"
        assert load_config(path) == Config()

    def test_show_as_json_is_one_object(self, tmp_path, capsys):
        path = tmp_path / "rig.toml"
        path.write_text('[rig]\nname = "attic"\n')
        assert shell.main(["config", "show", "--config", str(path), "--json"]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert shown["config"]["rig"]["name"] == "attic"
        assert shown["path"] == str(path)

    def test_check_names_every_problem_with_its_line(self, tmp_path, capsys):
        path = tmp_path / "rig.toml"
        path.write_text("[hold]\nframe = 3\n[crop]\nsize_px = 1\n")
        assert shell.main(["config", "check", "--config", str(path)]) == 2
        first, second = capsys.readouterr().err.splitlines()
        assert first.endswith('rig.toml:2: [hold] has no key "frame"; did you mean "frames"?')
        assert second.endswith(
            "rig.toml:4: [crop] size_px must be a whole number from 8 to 512, not 1"
        )

    def test_check_as_json_says_the_same(self, tmp_path, capsys):
        path = tmp_path / "rig.toml"
        path.write_text("[hold]\nframe = 3\n")
        assert shell.main(["config", "check", "--config", str(path), "--json"]) == 2
        printed = capsys.readouterr()
        assert printed.err == ""
        assert json.loads(printed.out)["problems"][0]["line"] == 2

    def test_schema_is_one_that_the_defaults_obey(self, capsys):
        jsonschema = pytest.importorskip("jsonschema")
        assert shell.main(["config", "schema"]) == 0
        schema = json.loads(capsys.readouterr().out)
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(Config().model_dump(mode="json"), schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"hold": {"frames": 0}}, schema)

    def test_a_file_that_is_not_there_is_one_line(self, tmp_path):
        result = call("config", "show", "--config", "absent.toml", cwd=tmp_path)
        assert result.returncode == 2
        assert result.stdout == ""
        assert result.stderr.startswith("cosmic-edge: absent.toml: no such file")
