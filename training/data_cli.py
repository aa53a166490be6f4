"""``cosmic-edge train-data``: simulated hits with labels, for ``cosmic-edge train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edge.cli.options import Json
from edge.errors import BadUse

_CAMERAS = "pi-v1,pi-v2,pi-hq,webcam"


def command(
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="New folder.")],
    presets: Annotated[
        str, typer.Option("--presets", metavar="NAMES", help="Cameras, with commas between.")
    ] = _CAMERAS,
    hits: Annotated[
        int,
        typer.Option(
            "--hits", min=1, max=1_000_000, metavar="N", help="About, of each; 400 at least."
        ),
    ] = 1500,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same hits.")] = 1,
    json: Json = False,
) -> None:
    """Simulate labelled hits of several cameras: `cosmic-edge train` reads the folder."""
    from edge.cli.shared import progress
    from edge.recording.writer import prepare_folder
    from training.scenes import scenes_of
    from training.simulate import simulate_scene

    cameras = list(dict.fromkeys(one.strip() for one in presets.split(",") if one.strip()))
    if not cameras:
        raise BadUse("--presets names no camera")
    try:
        scenes = [one for camera in cameras for one in scenes_of(camera, hits, seed)]
    except ValueError as error:
        raise BadUse(f"--presets: {error}") from None
    prepare_folder(out)
    frames = dict.fromkeys(cameras, 0)
    with progress(len(scenes), "simulate and replay") as advance:
        for scene in scenes:
            frames[scene.camera] += simulate_scene(scene, out / scene.name, advance)
    _show({one: {"frames": frames[one], **_counts(out, one)} for one in cameras}, json=json)


def _counts(out: Path, camera: str) -> dict[str, Any]:
    """Crops by class, and what is left out, as training will read them."""
    from edge.classification.classes import CLASSES
    from training.labelled import joined, read_labelled

    crops = joined([read_labelled(one) for one in sorted(out.glob(f"{camera}-*"))])
    counts = {name: int((crops.label == i).sum()) for i, name in enumerate(CLASSES)}
    return {"hits": len(crops), **counts, "left_out": dict(crops.left_out)}


def _show(report: dict[str, dict[str, Any]], *, json: bool) -> None:
    from edge.cli.shared import print_json

    if json:
        print_json(report)
        return
    from rich.console import Console
    from rich.table import Table

    names = next(iter(report.values()))
    table = Table("camera", *names)
    for camera, figures in report.items():
        shown = [
            str(sum(one.values())) if isinstance(one, dict) else str(one)
            for one in figures.values()
        ]
        table.add_row(camera, *shown)
    Console().print(table)
