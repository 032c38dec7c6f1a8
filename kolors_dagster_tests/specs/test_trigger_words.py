import pytest

from kolors_dagster.specs.trigger_words import put_in_front


@pytest.mark.parametrize(
    ("words", "text", "expected"),
    [
        ("水墨画", "一只猫", "水墨画，一只猫"),
        ("水墨画", "", "水墨画"),
        ("水墨画", "水墨画，一只猫", "水墨画，一只猫"),
        ("水墨画", "一只猫, 水墨画", "一只猫, 水墨画"),
        ("水墨画", "一幅水墨画，一只猫", "一幅水墨画，一只猫"),
        ("水墨画", "一只猫看着墙上的水墨画", "水墨画，一只猫看着墙上的水墨画"),
        ("二次元，平涂", "二次元，平涂，一只猫", "二次元，平涂，一只猫"),
        ("ink", "a pink cat", "ink，a pink cat"),
    ],
)
def test_the_words_come_in_front_once(words: str, text: str, expected: str) -> None:
    assert put_in_front(words, text) == expected
