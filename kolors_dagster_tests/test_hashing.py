from pathlib import Path

from kolors_dagster.hashing import hash_file, hash_json


def test_hash_json_is_of_the_content_not_of_the_order_of_keys() -> None:
    assert hash_json({"a": 1, "b": "星"}) == hash_json({"b": "星", "a": 1})
    assert hash_json({"a": 1}) != hash_json({"a": "1"})
    assert hash_json([1, 2]) != hash_json([2, 1])


def test_hash_file_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert hash_file(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
