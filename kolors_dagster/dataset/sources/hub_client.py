"""The program that talks to ModelScope: one request in its argument, pictures and `result.json` out.

It runs in a process of its own (see `hub.collect_hub`), because the client has no timeout one can set, and
because `MsDataset.load` patches the `datasets` library while it works.
"""

import difflib
import json
import logging
import sys
from pathlib import Path
from typing import Any

from kolors_dagster.dataset.sources.hub_downloads import mend_downloads
from kolors_dagster.errors import UserError
from kolors_dagster.files import write_whole_file


def main() -> None:
    """Answer one request; whatever goes wrong becomes `problem` and `fix` in `result.json`."""
    request = json.loads(sys.argv[1])
    folder = Path(request["folder"])
    complaints = _Complaints(logging.ERROR)
    try:
        answer: dict[str, Any] = {"rows": _read(request, folder, complaints)}
    except UserError as error:
        answer = {"problem": error.problem, "fix": error.fix}
    except Exception as error:
        answer = {"problem": _explain(error, complaints.messages), "fix": _fix_for(error)}
    with write_whole_file(folder / "result.json") as path:
        path.write_text(json.dumps(answer, ensure_ascii=False), encoding="utf-8")


class _Complaints(logging.Handler):
    """What the client logged as an error: it says more than the exception that comes of it in the end."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def _read(request: dict[str, Any], folder: Path, complaints: logging.Handler) -> list[dict[str, Any]]:
    # The client imports torch where it finds it, half of its start, and has no use for it here.
    sys.modules["torch"] = None  # type: ignore[assignment]
    from datasets import Image  # type: ignore[import-untyped]
    from modelscope.msdatasets import MsDataset
    from modelscope.utils.config_ds import DOWNLOADED_DATASETS_DIR, MS_DATASETS_CACHE

    del sys.modules["torch"]
    logging.getLogger("modelscope").addHandler(complaints)
    mend_downloads()
    # Downloads stay in the client's own cache. The tables made of them do not: they are remembered by the
    # revision's name alone, and would hide that the data set has changed.
    downloads, tables = Path(MS_DATASETS_CACHE, DOWNLOADED_DATASETS_DIR), folder / "tables"
    downloads.mkdir(parents=True, exist_ok=True)
    tables.mkdir()
    (tables / DOWNLOADED_DATASETS_DIR).symlink_to(downloads)

    loaded = MsDataset.load(
        request["dataset"],
        subset_name=request["subset"],
        split=request["split"],
        version=request["revision"] or "master",
        cache_dir=str(tables),
    )
    # `MsDataset.load` gives its own wrapper for the hub's old kind of data set, else the plain one.
    table = getattr(loaded, "ds_instance", loaded)
    image, caption = request["image_column"], request["caption_column"]
    _check_columns(table.column_names, image, caption)
    table = table.select_columns([image, *([caption] if caption else [])])
    if isinstance(table.features[image], Image):
        table = table.cast_column(image, Image(decode=False))
    count = min(len(table), request["limit"] or len(table))
    rows = []
    for index in range(count):
        if index % 100 == 0:
            print(f"reading row {index} of {count}", flush=True)
        row = table[index]
        name = f"{request['split']}/{index:06d}"
        data = _bytes_of(row[image], downloads)
        rows.append(_put(name, index, data or row[image], row[caption] if caption else None, folder))
    return rows


def _check_columns(have: list[str], image: str, caption: str | None) -> None:
    for field, column in (("image_column", image), ("caption_column", caption)):
        if column is not None and column not in have:
            near = difflib.get_close_matches(column, have, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UserError(
                f"it has no column {column!r}; its columns: {', '.join(have)}",
                f"set `source.{field}` in the style file to one of them{hint}",
            )


def _bytes_of(value: Any, downloads: Path) -> bytes | None:
    """Return a cell's picture: bytes in it, or a downloaded file or archive member it names."""
    path = value
    if isinstance(value, dict):
        if value.get("bytes") is not None:
            return bytes(value["bytes"])
        path = value.get("path")
    if isinstance(value, bytes):
        return value
    if not isinstance(path, str):
        return None
    # A data set must not name just any file of this machine.
    file = Path(path.rpartition("::")[2])
    if not file.is_file() or not file.resolve().is_relative_to(downloads.resolve()):
        return None
    if "::" not in path:
        return file.read_bytes()
    import fsspec  # type: ignore[import-untyped]

    with fsspec.open(path, "rb") as member:
        return bytes(member.read())


def _put(name: str, index: int, value: Any, caption: Any, folder: Path) -> dict[str, Any]:
    """Store one picture's bytes, or say why the cell holds none."""
    if not isinstance(value, bytes):
        said = value if isinstance(value, str) else f"a {type(value).__name__}"
        return {"source": name, "reason": "no_image", "detail": f"the cell holds no picture but {said}"}
    if caption is not None and not isinstance(caption, str):
        return {"source": name, "reason": "caption", "detail": f"the caption is a {type(caption).__name__}"}
    file = f"{index:06d}.bin"
    (folder / file).write_bytes(value)
    return {"source": name, "file": file, "caption": caption}


def _explain(error: BaseException, complaints: list[str]) -> str:
    """Return what happened in one line: the first cause, and what the client logged last."""
    while error.__cause__ or (error.__context__ and not error.__suppress_context__):
        inner = error.__cause__ or error.__context__
        if inner is None:
            break
        error = inner
    logged = f" (it logged: {' '.join(complaints[-1].split())})" if complaints else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:600] + logged[:600]


def _fix_for(error: BaseException) -> str | None:
    name, text = type(error).__name__, str(error)
    if "trust_remote_code" in text or "dataset script" in text:
        return "this data set runs code of its own, which is never done here; use one of plain files"
    if name in ("NotExistError", "DatasetNotFoundError"):
        return "check `source.dataset` and `source.revision`; a private one needs MODELSCOPE_API_TOKEN"
    if isinstance(error, KeyError):
        return "check `source.subset`: the data set has no such configuration"
    if text.startswith("Split "):
        return "set `source.split` to one of those it has"
    if name == "EmptyDatasetError":
        return "check `source.revision` and that the data set holds data files; then try again"
    return None


if __name__ == "__main__":
    main()
