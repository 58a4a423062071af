from pathlib import Path

import pytest

from strokemap.errors import InputMissing, TopicInvalid
from strokemap.topic import load_topic, parse_topic, shipped_topics


def test_shipped_topics_load() -> None:
    assert "stroke" in shipped_topics()
    for name in shipped_topics():
        assert load_topic(name).starting_terms


def test_topic_file_loads(tmp_path: Path) -> None:
    path = tmp_path / "asthma.toml"
    path.write_text('name = "asthma"\nstarting_terms = ["Asthma", "Asthma"]\npath_length = 1\n')
    topic = load_topic(str(path))
    assert (topic.starting_terms, topic.path_length, topic.judge) == (("Asthma",), 1, "model")


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("path_length = -1", "path_length"),
        ("path_length = 7", "path_length"),
        ("path_length = true", "path_length"),
        ('path_length = "2"', "path_length"),
        ('judge = "magic"', "judge"),
        ("threshold = 2.0", "threshold"),
        ("colour = 1", "colour"),
    ],
)
def test_impossible_field_is_named(line: str, field: str) -> None:
    with pytest.raises(TopicInvalid) as caught:
        parse_topic(f'name = "x"\nstarting_terms = ["A"]\n{line}\n', where="x.toml")
    assert caught.value.where == f"x.toml: {field}"


@pytest.mark.parametrize(
    "text", ["", 'name = "x"', 'name = "x"\nstarting_terms = []', "name = ", 'starting_terms = ["A"]']
)
def test_incomplete_topic_is_refused(text: str) -> None:
    with pytest.raises(TopicInvalid):
        parse_topic(text, where="x.toml")


def test_missing_and_binary_topic_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match="can't be read"):
        load_topic(str(tmp_path / "none.toml"))
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TopicInvalid):
        load_topic(str(tmp_path / "binary.toml"))
