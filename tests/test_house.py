"""The house keeps its shape: public names, drivers in one file each, no module of ours shadowed by a dependency."""

import ast
import re
import sys
from importlib import import_module, metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("strokemap", "kg_builder", "search", "hive_queries", "recommend", "ledger", "api")
DRIVERS = (
    *("neo4j", "pyhive", "duckdb", "mwclient", "tantivy", "rdflib"),
    *("spacy", "sklearn", "jwt", "uvicorn", "simple_icd_10_cm"),
)


def sources() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


@pytest.mark.parametrize("room", ROOMS)
def test_room_hands_on_at_most_ten_names_and_all_exist(room: str) -> None:
    module = import_module(room)
    names = getattr(module, "__all__", [])
    assert len(names) <= 10
    assert all(hasattr(module, name) for name in names)
    assert module.__doc__


@pytest.mark.parametrize("driver", DRIVERS)
def test_driver_is_imported_by_one_file_only(driver: str) -> None:
    pattern = re.compile(rf"^\s*(?:import|from)\s+{driver}\b", re.MULTILINE)
    users = [path.relative_to(ROOT).as_posix() for path in sources() if pattern.search(path.read_text())]
    assert len(users) <= 1, users


def test_no_dependency_brings_a_module_named_like_a_room() -> None:
    owners = metadata.packages_distributions()
    for room in ROOMS:
        assert set(owners.get(room, ["strokemap"])) == {"strokemap"}, room


def test_importing_a_room_loads_no_heavy_library() -> None:
    import subprocess

    code = "import sys, kg_builder, hive_queries, ledger; print([m for m in ('sklearn', 'rdflib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


@pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning")
@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_benchmark_imports_only_what_the_lock_brings(path: Path) -> None:
    assert import_module(f"benchmarks.{path.stem}").__doc__ or path.stem == "__init__"


def test_files_keep_to_a_size_that_one_reads_at_a_sitting() -> None:
    lines = {path.name: len(path.read_text().splitlines()) for path in sources() if path.name != "errors.py"}
    assert {name: count for name, count in lines.items() if count > 400} == {}, "errors.py alone is one long table"


def test_no_file_has_a_name_that_fits_everything() -> None:
    assert not {path.name for path in sources()} & {"utils.py", "helpers.py", "common.py", "misc.py", "manager.py"}


def test_catch_all_handlers_stand_only_in_the_faces() -> None:
    offenders = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler):
                names = {ast.unparse(node.type)} if node.type else {"bare"}
                if names & {"Exception", "BaseException", "bare"}:
                    offenders.append(path.relative_to(ROOT).as_posix())
    assert set(offenders) <= {"api/cli/main.py"}
