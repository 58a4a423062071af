"""A command imports only what it needs: what a person waits for first is Python reading libraries."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
HEAVY = (
    *("duckdb", "fastapi", "ir_measures", "markdown_it", "mwclient", "neo4j", "numpy", "pydantic", "pyhive", "rdflib"),
    *("scipy", "sklearn", "spacy", "spellchecker", "sqlglot", "tantivy", "uvicorn", "yaml"),
)
CODE = f"""
import sys
from api.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print("LOADED", *[name for name in {HEAVY} if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        (["--help"], set()),
        (["search", "disphagia with mini stroke"], {"numpy", "pydantic", "spellchecker", "tantivy"}),
        (["articles", "list"], {"numpy", "pydantic", "spacy", "tantivy"}),
        (["ledger", "status"], {"numpy", "pydantic", "tantivy"}),
    ],
)
def test_command_imports_only_what_it_needs(words: list[str], needed: set[str], demonstration: Any) -> None:
    settings = demonstration.setup.settings
    places = {"STROKEMAP_HOME": str(settings.home), "STROKEMAP_KEYS": str(settings.keys)}
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words],
        capture_output=True, text=True, check=True, cwd=ROOT, env=os.environ | places,
    )  # fmt: skip
    loaded = set(done.stdout.splitlines()[-1].split()[1:])
    assert loaded <= needed
