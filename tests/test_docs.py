"""Documentation can't fall behind: each list the outside relies on is taken from the code and looked up in the docs."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from api.cli.main import COMMANDS, cli
from strokemap import errors
from strokemap.errors import StrokemapError
from strokemap.settings import Settings

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
ROOMS = ("strokemap", "kg_builder", "search", "hive_queries", "recommend", "ledger", "api")


def all_errors(cls: type[StrokemapError] = StrokemapError) -> Iterator[type[StrokemapError]]:
    for subclass in cls.__subclasses__():
        yield subclass
        yield from all_errors(subclass)


def all_commands() -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}

    def walk(name: str, command: click.Command) -> None:
        if isinstance(command, click.Group):
            for part in command.list_commands(click.Context(command)):
                walk(f"{name} {part}", command.get_command(click.Context(command), part))
        else:
            found[name] = command

    for name in COMMANDS:
        walk(name, cli.get_command(click.Context(cli), name))
    return found


def rows(page: str) -> list[list[str]]:
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("|")]
    return [row for row in cells if not set(row[0]) <= set("-:| ")]


def test_each_error_stands_in_the_docs_as_it_is() -> None:
    expected = {
        f"`{error.code}`": [str(error.exit_status), str(error.http_status), "yes" if error.retryable else "no"]
        for error in all_errors()
    }
    documented = {row[0]: row[1:4] for row in rows("errors.md") if row[0].startswith("`")}
    assert {code: documented.pop(code) for code in expected} == expected
    # What the faces say of faults that have no class stands in their texts.
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "api").rglob("*.py"))
    literal = {f"`{code}`" for text in texts for code in re.findall(r'"?code"?[=:] ?"([a-z_.]+)"', text)}
    assert set(documented) == literal - set(expected)


def test_error_codes_are_unique_and_dotted() -> None:
    codes = [error.code for error in all_errors()]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", code) for code in codes)


def test_error_tree_lies_in_one_file() -> None:
    assert {error.__module__ for error in all_errors() if not error.__module__.startswith("tests")} == {errors.__name__}


def test_each_command_stands_in_the_docs_with_its_options() -> None:
    documented = {row[0].strip("`").removeprefix("strokemap "): row[1] for row in rows("commands.md")[1:]}
    commands = all_commands()
    assert set(documented) == set(commands)
    for name, command in commands.items():
        options = {
            option
            for param in command.params
            if isinstance(param, click.Option)
            for option in param.opts
            if option.startswith("--") and option != "--help"
        }
        assert set(re.findall(r"--[a-z][a-z-]*", documented[name])) == options, name


def test_each_command_but_the_server_gives_its_result_as_json_too() -> None:
    without = [name for name, command in all_commands().items() if "as_json" not in {p.name for p in command.params}]
    assert without == ["serve"]


def test_list_of_commands_says_what_their_help_says() -> None:
    for name, (_, text) in COMMANDS.items():
        command = cli.get_command(click.Context(cli), name)
        assert command.help, name
        assert text.endswith(".")


def test_each_setting_stands_in_the_docs() -> None:
    assert {row[0].strip("`") for row in rows("settings.md")[1:]} == set(Settings.model_fields)


def test_each_route_stands_in_the_docs() -> None:
    from api.app import ROUTES

    documented = {(row[0], row[1].strip("`")) for row in rows("http.md")[1:]}
    assert documented == set(ROUTES)


@pytest.fixture(scope="module")
def known_tests() -> set[str]:
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        name = path.relative_to(ROOT).as_posix()
        found.add(name)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.add(f"{name}::{node.name}")
    return found


def test_paper_page_names_only_commands_and_tests_that_exist(known_tests: set[str]) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    commands = all_commands()
    for row in rows("paper.md")[1:]:
        part, _, _, command, test, state = row
        assert state.split(",")[0] in {"here", "in part", "planned", "not ours"}, part
        for text in re.findall(r"`([^`]+)`", command):
            words = text.split()
            if words[0] == "make":
                assert words[1] in targets, text
            else:
                assert words[0] == "strokemap", text
                assert any(" ".join(words[1:]).startswith(name) for name in commands), text
        for text in re.findall(r"`([^`]+)`", test):
            assert text in known_tests, text
        if state in {"here", "in part"}:
            assert "`" in command or "`" in test, part
        else:
            assert len(state) > len("planned, ") or state == "planned", part


def test_paper_page_has_a_row_for_each_figure_table_package_and_folder() -> None:
    parts = " ".join(row[0] for row in rows("paper.md"))
    wanted = [f"Figure {number}" for number in range(1, 12)] + ["Table 1", "Contribution 1", "Contribution 2"]
    wanted += ["Contribution 3", "rdflib", "neo4j", "mwclient", "spacy", "fastapi", "pyhive", "scikit-learn"]
    wanted += ["kg_builder/", "search/", "recommend/", "hive_queries/", "ledger/", "api/", "notebooks/", "tests/"]
    wanted += ["pyproject.toml", "clinicians", "patients", "curators"]
    assert [name for name in wanted if not re.search(rf"\b{re.escape(name.rstrip('/'))}\b", parts)] == []


def test_no_path_of_somebodys_machine_stands_anywhere() -> None:
    forbidden = re.compile(r"(?<![\w.])/(?:root|home/\w+|Users/\w+)/")
    offenders = [
        path.relative_to(ROOT).as_posix()
        for folder in (*ROOMS, "docs", "tests")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".md", ".toml", ".hql", ".html", ".json", ".tsv"} and path != Path(__file__)
        if forbidden.search(path.read_text(encoding="utf-8"))
    ]
    assert offenders == []
