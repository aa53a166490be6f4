"""``cosmic-edge config``: show, check and describe the configuration."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from edge.cli.options import ConfigFile, Json
from edge.cli.shared import print_json

app = typer.Typer(no_args_is_help=True)


@app.command()
def show(config: ConfigFile = None, json: Json = False) -> None:
    """Print the whole configuration with comments, ready to be saved and changed."""
    from edge.config import config_hash, load_config
    from edge.config.text import to_toml

    loaded = load_config(config)
    if json:
        values = loaded.model_dump(mode="json")
        print_json({"path": config, "config_hash": config_hash(loaded), "config": values})
    else:
        typer.echo(to_toml(loaded), nl=False)


@app.command()
def check(config: ConfigFile = None, json: Json = False) -> None:
    """Say whether a configuration can be used, and all that is wrong with it."""
    from edge.config import BadConfig, config_hash, load_config

    result: dict[str, Any] = {"ok": True, "path": config, "problems": []}
    try:
        result["config_hash"] = config_hash(load_config(config))
    except BadConfig as error:
        result["ok"] = False
        result["problems"] = [
            {"line": problem.line, "problem": problem.text} for problem in error.problems
        ]
        if not json:
            for line in error.lines():
                typer.echo(f"cosmic-edge: {line}", err=True)
    if json:
        print_json(result)
    elif result["ok"]:
        typer.echo(f"{config or 'the default configuration'}: good")
    if not result["ok"]:
        raise typer.Exit(2)


@app.command()
def schema(
    json: Annotated[bool, typer.Option("--json", help="It is JSON in any case.")] = False,
) -> None:
    """Print the JSON Schema of the configuration."""
    from edge.config import Config

    print_json(Config.model_json_schema())
