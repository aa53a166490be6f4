"""What people see in a terminal: the live table, crops in characters, the summary at the end."""

from edge.display.live import LiveDisplay
from edge.display.snapshot import CropView, Snapshot
from edge.display.summary import summary_table
from edge.display.view import render

__all__ = ["CropView", "LiveDisplay", "Snapshot", "render", "summary_table"]
