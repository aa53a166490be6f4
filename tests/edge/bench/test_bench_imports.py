"""What is installed measures by itself."""

from __future__ import annotations

import ast
from pathlib import Path

import edge


def test_nothing_that_is_installed_imports_the_repositorys_own_benchmarks():
    for path in Path(edge.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [one.name for one in node.names] if isinstance(node, ast.Import) else []
            assert not [name for name in names if name.split(".")[0] == "benchmarks"], path
