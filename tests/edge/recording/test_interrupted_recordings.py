"""What goes wrong while a recording is made: the frames it had taken can be read."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.errors import BadUse, Failed
from edge.recording import NativeRecording, RecordingWriter
from tests.edge.recording.recording_examples import MODE, make_frame, read

REPOSITORY = Path(__file__).resolve().parents[3]


def test_a_folder_that_is_not_empty_is_refused_and_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BadUse, match="not empty"):
        RecordingWriter(tmp_path, MODE, "camera")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(BadUse, match="no folder"):
        RecordingWriter(tmp_path / "notes.txt", MODE, "camera")
    with pytest.raises(BadUse, match="no folder"):
        RecordingWriter(tmp_path / "notes.txt" / "below", MODE, "camera")


def test_an_error_of_the_user_leaves_a_recording_that_can_be_read(tmp_path):
    def record_and_fail():
        with RecordingWriter(tmp_path / "r", MODE, "camera", segment_frames=4) as out:
            for i in range(6):
                out.append(make_frame(i))
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        record_and_fail()
    assert len(read(tmp_path / "r")) == 6


RECORDER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.edge.recording.recording_examples import MODE, make_frame
from edge.recording import RecordingWriter
with RecordingWriter(Path(sys.argv[1]), MODE, "camera", segment_frames=50) as out:
    for i in range(1_000_000):
        out.append(make_frame(i))
        if i == 120:
            print("going", flush=True)
"""


def test_a_killed_recorder_loses_no_frame_it_had_appended(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", RECORDER, str(tmp_path / "r"), str(REPOSITORY)],
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    recording = NativeRecording(tmp_path / "r")
    assert not recording.complete
    frames = list(recording.series()[0].frames())
    assert len(frames) > 120
    assert [f.index for f in frames] == list(range(len(frames)))
    assert all(f.pixels[5, 7] == f.index % 65536 for f in frames)


def test_lines_that_outlived_their_pixels_are_left_out(recording):
    """After a power cut the small file may be ahead of the large one."""
    head = recording / "recording.toml"
    head.write_text(head.read_text().replace("complete = true", "complete = false"))
    last = recording / "frames-00002.npy"
    os.truncate(last, last.stat().st_size - 1)
    with (recording / "frames.jsonl").open("a") as file:
        file.write('{"index": 10, "sequ')
    assert [f.index for f in read(recording)] == list(range(9))


FILLER = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import numpy as np
from tests.edge.recording.recording_examples import MODE, make_frame
from edge.errors import Failed
from edge.recording import RecordingWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    with RecordingWriter(Path(sys.argv[1]), MODE, "camera", segment_frames=1000) as out:
        for i in range(1000):
            out.append(make_frame(i))
except Failed as error:
    print(i, error)
"""


def test_a_full_disk_is_one_line_and_what_was_written_can_be_read(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FILLER, str(tmp_path / "r"), str(REPOSITORY)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    number, _, message = done.stdout.strip().partition(" ")
    assert "can't write the recording: File too large" in message
    assert "\n" not in message
    assert done.stderr == ""
    frames = read(tmp_path / "r")
    assert len(frames) == int(number) > 50
    assert all(f.pixels[5, 7] == f.index for f in frames)


def test_a_folder_that_can_not_be_written_is_one_line():
    # Root may write anywhere, so the fault is a file system that refuses.
    with pytest.raises(Failed, match="can't make the folder"):
        RecordingWriter(Path("/proc/nowhere"), MODE, "camera")
