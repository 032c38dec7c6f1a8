from datetime import datetime
from pathlib import Path

import pytest

from kolors_dagster.specs import SpecError, load_style
from kolors_dagster.specs.schedule import is_due, next_time

STYLE = """name: s
trigger_words: s
source: {kind: embedded, drawing: anime}
retrain: "%s"
"""


def read(folder: Path, schedule: str) -> str | None:
    file = folder / "s.yaml"
    file.write_text(STYLE % schedule)
    return load_style(file).retrain


def test_a_schedule_is_five_fields_of_cron(tmp_path: Path):
    assert read(tmp_path, "0  3 * * mon-fri") == "0 3 * * mon-fri"


@pytest.mark.parametrize(
    ("schedule", "problem"),
    [
        ("0 3 * *", "has 4 fields"),
        ("0 3 * * * *", "has 6 fields"),
        ("@daily", "has 1 fields"),
        ("", "has 0 fields"),
        ("0 25 * * *", "bad hour"),
        ("0 3 31 2 *", "bad day-of-month"),
        ("0 3 * * funday", "bad day-of-week"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_an_example(tmp_path: Path, schedule: str, problem: str):
    with pytest.raises(SpecError) as error:
        read(tmp_path, schedule)
    assert "s.yaml:4: retrain:" in error.value.problem and problem in error.value.problem
    assert '"0 3 * * *" is every night at three' in error.value.fix


# By hand, from a calendar: 1 January 2027 is a Friday.
@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("0 3 * * *", datetime(2027, 1, 1, 3, 0), datetime(2027, 1, 2, 3, 0)),
        ("0 3 * * *", datetime(2027, 1, 1, 2, 59, 59, 999_999), datetime(2027, 1, 1, 3, 0)),
        ("30 22 * * sun", datetime(2027, 1, 1), datetime(2027, 1, 3, 22, 30)),
        ("*/20 * * * *", datetime(2027, 1, 1, 0, 41), datetime(2027, 1, 1, 1, 0)),
    ],
)
def test_the_next_time(schedule: str, after: datetime, expected: datetime):
    assert next_time(schedule, after) == expected


def test_due_once_for_each_time():
    three = datetime(2027, 1, 1, 3, 0)
    assert is_due("0 3 * * *", three.replace(hour=2), three)
    assert not is_due("0 3 * * *", three, three.replace(second=10))
    assert not is_due("0 3 * * *", three.replace(hour=4), three)  # the clock was put back
