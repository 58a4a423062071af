import ast
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from api.curating import Bench
from api.demo import MATERIAL
from api.growing import Crawl, grow
from api.service import utc_now
from strokemap.home import open_home
from strokemap.progress import silent
from strokemap.topic import load_topic

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
TOUR = next(path for path in NOTEBOOKS if path.stem == "map_tour")


@pytest.fixture
def executed(demonstration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], list[Any]]:
    """Execute a notebook upon a copy of the demonstration that has two builds; give its outputs."""
    home = open_home(Path(shutil.copytree(demonstration.setup.settings.home, tmp_path / "home")))
    bench = Bench(home=home, store_url=f"sqlite://{home.root / 'map.db'}")
    bench.decide(action="reject", term="Dysarthria", value="", why="seen", who="Dr Ito", now=utc_now())
    asked = Crawl(topic=load_topic("stroke"), source=str(MATERIAL / "pages.xml"))
    grow(asked, bench=bench, now=utc_now(), progress=silent)
    monkeypatch.setenv("STROKEMAP_HOME", str(home.root))
    monkeypatch.setenv("STROKEMAP_KEYS", str(demonstration.setup.settings.keys))

    def execute(path: Path) -> list[Any]:
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
        return [output for cell in notebook.cells for output in cell.get("outputs", [])]

    return execute


def plots(outputs: list[Any]) -> int:
    return sum("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if path != TOUR], ids=lambda path: path.stem)
@pytest.mark.filterwarnings("default")  # what kernels warn of is theirs
def test_notebook_runs_from_a_fresh_kernel(executed: Callable[[Path], list[Any]], path: Path) -> None:
    assert plots(executed(path))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_tour_has_plots_paths_with_their_sentences_and_the_difference_of_two_builds(
    executed: Callable[[Path], list[Any]],
) -> None:
    outputs = executed(TOUR)
    assert plots(outputs) >= 3
    text = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    steps = re.findall(r"^  .+ → .+ \(.+, .+\): (.+)$", text, re.MULTILINE)
    assert len(steps) >= 3
    assert all(len(sentence.split()) > 2 for sentence in steps)
    (compared,) = re.findall(r"^The last two: (.+)$", text, re.MULTILINE)
    changed = ast.literal_eval(compared)
    assert (changed["terms_removed"], changed["terms_added"]) == (1, 0)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_kept_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in notebook.cells)
