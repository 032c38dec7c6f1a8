from pathlib import Path

from benchmarks.table import EIGHT_PANELS, ONE_PANEL, OURS, TRAINING, Results, make_table, read_results


def _cells(table: str) -> list[list[str]]:
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_rows_stand_in_order_with_ours_first_and_what_others_take_as_a_multiple_of_it(tmp_path: Path) -> None:
    file = tmp_path / "new" / "results.jsonl"
    peers, training = Results(file, "peers"), Results(file, "training")
    training.compare(TRAINING, "a plain loop", seconds=0.894, peak_gib=12.7, first_result=4.0)
    training.compare(TRAINING, OURS, seconds=0.0521, peak_gib=9.84, first_result=5.26)
    peers.compare(ONE_PANEL, "a pipeline", seconds=3.8, peak_gib=10.0, first_result=9.0)
    peers.compare(ONE_PANEL, OURS, seconds=1.9, peak_gib=8.0, first_result=4.04)
    peers.report("what no table shows", seconds=1)
    assert _cells(make_table(read_results(file))) == [
        ["one panel", "ours", "1.90 s", "1.00", "8.0", "4.0"],
        ["one panel", "a pipeline", "3.80 s", "2.00", "10.0", "9.0"],
        ["training, batch 1", "ours", "52.1 ms", "1.00", "9.8", "5.3"],
        ["training, batch 1", "a plain loop", "894.0 ms", "17.16", "12.7", "4.0"],
    ]


def test_what_was_not_measured_is_a_dash(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    Results(file, "peers").compare(EIGHT_PANELS, "a pipeline", seconds=15.9, peak_gib=10.2)
    assert _cells(make_table(read_results(file))) == [
        ["eight panels", "a pipeline", "15.90 s", "–", "10.2", "–"]
    ]


def test_a_row_measured_again_replaces_the_older(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    for seconds in (4.0, 2.0):
        Results(file, "peers").compare(ONE_PANEL, OURS, seconds=seconds, peak_gib=8.0, first_result=1.0)
    assert [row[2] for row in _cells(make_table(read_results(file)))] == ["2.00 s"]


def test_a_failure_stands_below_until_its_part_is_tried_again(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    with Results(file, "compiled").attempt():
        raise RuntimeError("\n no compiler\n found")
    with Results(file, "peers").attempt():
        pass
    assert (
        make_table(read_results(file)).splitlines()[-1] == "compiled failed: RuntimeError: no compiler found"
    )
    with Results(file, "compiled").attempt():
        pass
    assert "failed" not in make_table(read_results(file))


def test_what_a_part_measured_earlier_does_not_stand_for_its_new_attempt(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    for part in ("peers", "compiled"):
        Results(file, part).compare(ONE_PANEL, part, seconds=1.0, peak_gib=8.0)
    with Results(file, "compiled").attempt():
        raise MemoryError
    assert [row[1] for row in _cells(make_table(read_results(file)))] == ["peers"]


def test_columns_are_as_wide_as_their_widest_cell(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    Results(file, "peers").compare(ONE_PANEL, "a name longer than its heading", seconds=1, peak_gib=1)
    lines = [line for line in make_table(read_results(file)).splitlines() if line.startswith("|")]
    assert len({len(line) for line in lines}) == 1


def test_no_file_is_no_record(tmp_path: Path) -> None:
    assert read_results(tmp_path / "none.jsonl") == []
