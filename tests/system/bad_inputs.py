"""A folder of files that a newcomer may hand to the program, each wrong in its own way."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge.sources.simulated import write_simulation
from simulator import SimulationSpec
from tests.edge.stacks import dark


def make(folder: Path) -> None:
    """Write them all."""
    _stacks(folder)
    _images(folder)
    _fits(folder)
    _tiff(folder)
    _folders(folder)
    _native(folder)
    _settings(folder)


def cut(source: Path, target: Path, share: float) -> None:
    """Copy the first `share` of a file."""
    content = source.read_bytes()
    target.write_bytes(content[: int(len(content) * share)])


def _stacks(folder: Path) -> None:
    good = dark(12)
    np.save(folder / "dark.npy", good)
    np.save(folder / "two.npy", good[:2])
    np.save(folder / "light.npy", good + 40_000)
    np.save(folder / "equal.npy", np.full((8, 16, 16), 7, np.uint8))
    np.save(folder / "zeros.npy", np.zeros((8, 16, 16), np.uint8))
    np.save(folder / "saturated.npy", np.full((8, 16, 16), 65_535, np.uint16))
    np.save(folder / "nan.npy", np.full((8, 16, 16), np.nan))
    np.save(folder / "inf.npy", np.full((8, 16, 16), np.inf, np.float32))
    np.save(folder / "wide.npy", good.astype(np.int64) * 10**9)
    np.save(folder / "complex.npy", np.zeros((3, 4, 4), np.complex64))
    np.save(folder / "words.npy", np.array([["a", "b"]]))
    np.save(folder / "objects.npy", np.array([[None, {}]], object), allow_pickle=True)
    np.save(folder / "line.npy", np.zeros(9))
    np.save(folder / "four.npy", np.zeros((2, 2, 4, 4), np.uint8))
    np.save(folder / "none.npy", np.zeros((0, 4, 4), np.uint8))
    np.save(folder / "flat.npy", np.zeros((4, 4, 0), np.uint8))
    (folder / "empty.npy").write_bytes(b"")
    cut(folder / "dark.npy", folder / "header.npy", 0.001)
    cut(folder / "dark.npy", folder / "cut.npy", 0.5)
    (folder / "noise.npy").write_bytes(np.random.default_rng(1).bytes(3000))
    for name, shape in {"many": (10**15, 40, 48), "huge": (9, 10**7, 10**7)}.items():
        header = f"{{'descr': '<u2', 'fortran_order': False, 'shape': {shape}, }}".encode()
        start = b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + header.ljust(117) + b"\n"
        (folder / f"{name}.npy").write_bytes(start + good.tobytes())


def _images(folder: Path) -> None:
    one = dark(1)[0]
    cv2.imwrite(str(folder / "one.png"), one)
    cut(folder / "one.png", folder / "cut.png", 0.5)
    cut(folder / "one.png", folder / "header.png", 0.005)
    content = bytearray((folder / "one.png").read_bytes())
    content[500] ^= 255
    (folder / "flipped.png").write_bytes(content)
    content = bytearray((folder / "one.png").read_bytes())
    content[16:24] = struct.pack(">II", 60_000, 60_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (folder / "huge.png").write_bytes(content)
    (folder / "text.txt").write_text("dark frames\n")
    (folder / "noise.avi").write_bytes(np.random.default_rng(2).bytes(3000))
    (folder / "empty.avi").write_bytes(b"")
    (folder / "noise.dng").write_bytes(np.random.default_rng(3).bytes(3000))


def _fits(folder: Path) -> None:
    from astropy.io import fits

    fits.PrimaryHDU(dark(12)).writeto(folder / "dark.fits")
    cut(folder / "dark.fits", folder / "header.fits", 0.02)
    cut(folder / "dark.fits", folder / "nothing.fits", 0.06)
    (folder / "empty.fits").write_bytes(b"")
    fits.PrimaryHDU(np.full((4, 8, 8), np.nan, np.float32)).writeto(folder / "nan.fits")
    fits.PrimaryHDU(np.zeros(9, np.int16)).writeto(folder / "line.fits")
    content = (folder / "dark.fits").read_bytes()
    for name, card, changed in [
        ("bitpix", "BITPIX  =                   16", "BITPIX  =                   17"),
        ("bzero", "BZERO   =                32768", "BZERO   =                1E400"),
        ("sides", "NAXIS1  =                   48", "NAXIS1  =                  -48"),
        ("many", "NAXIS3  =                   12", "NAXIS3  =        1200000000000"),
    ]:
        assert card.encode() in content
        (folder / f"{name}.fits").write_bytes(content.replace(card.encode(), changed.encode(), 1))


def _tiff(folder: Path) -> None:
    import tifffile

    tifffile.imwrite(folder / "dark.tif", dark(12), photometric="minisblack")
    cut(folder / "dark.tif", folder / "cut.tif", 0.0005)
    (folder / "empty.tif").write_bytes(b"")
    waves = np.zeros((3, 8, 8), np.complex64)
    tifffile.imwrite(folder / "complex.tif", waves, photometric="minisblack")


def _folders(folder: Path) -> None:
    for name in ("nothing", "words", "broken", "sizes", "outer/inner"):
        (folder / name).mkdir(parents=True)
    (folder / "words" / "notes.txt").write_text("no frames here")
    (folder / "broken" / "a.png").write_bytes(b"junk")
    (folder / "broken" / "b.fits").write_bytes(b"")
    for number in range(6):
        cv2.imwrite(str(folder / "sizes" / f"a{number}.png"), dark(1, seed=number)[0])
        cv2.imwrite(str(folder / "sizes" / f"b{number}.png"), dark(1, 30, 20, seed=number)[0])


def _native(folder: Path) -> None:
    spec = SimulationSpec(width_px=32, height_px=24, seed=3)
    good = folder / "native"
    write_simulation(spec, good, 12)
    damages: dict[str, Any] = {
        "native-head": lambda place: (place / "recording.toml").write_text("[mode"),
        "native-newer": lambda place: _edit(place, "recording/1", "recording/2"),
        "native-depth": lambda place: _edit(place, "bit_depth = 10", "bit_depth = 99"),
        "native-index": lambda place: (place / "frames.jsonl").unlink(),
        "native-short": lambda place: _shorten(place / "frames-00000.npy", 100),
        "native-gone": lambda place: (place / "frames-00000.npy").unlink(),
        "native-sizes": lambda place: np.save(
            place / "frames-00000.npy", np.zeros((12, 8, 8), "<u2")
        ),
    }
    import shutil

    for name, damage in damages.items():
        shutil.copytree(good, folder / name)
        damage(folder / name)


def _edit(place: Path, old: str, new: str) -> None:
    head = place / "recording.toml"
    assert old in head.read_text()
    head.write_text(head.read_text().replace(old, new))


def _shorten(path: Path, by: int) -> None:
    path.write_bytes(path.read_bytes()[:-by])


def _settings(folder: Path) -> None:
    (folder / "key.toml").write_text("[hold]\nframe = 3\n")
    (folder / "unit.toml").write_text("[exposure]\nperiod_min = 1\n")
    (folder / "value.toml").write_text('[crop]\nsize_px = "large"\n')
    (folder / "rig.toml").write_text('[rig]\nname = "Attic 1"\n')
    (folder / "broken.toml").write_text("[hold\n")
    (folder / "not-a-state").write_text("a file, no folder")
    (folder / "hits.jsonl").write_text('{"schema":"cosmic-edge/hit/1","rig":"old"}\n')
    (folder / "words.cal").write_text("hello\nworld\n")
