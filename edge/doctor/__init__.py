"""Is everything there that a rig needs: looked at in turn, with a verdict and what to do."""

from edge.doctor.check import Check, Finding, Look, examine
from edge.doctor.report import Report, ReportTable, looks

__all__ = ["Check", "Finding", "Look", "Report", "ReportTable", "examine", "looks"]
