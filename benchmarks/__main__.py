"""``python -m benchmarks``, which ``make bench`` runs: ``cosmic-edge bench`` by another name."""

from __future__ import annotations

import sys

from edge.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["bench", *sys.argv[1:]]))
