"""The program that talks to ModelScope: one request in its argument, pictures and `result.json` out.

It runs in a process of its own (see `hub.collect_hub`), because the client has no timeout one can set, and
because `MsDataset.load` patches the `datasets` library while it works.
"""

import difflib
import json
import sys
from pathlib import Path
from typing import Any

from kolors_dagster.errors import UserError
from kolors_dagster.files import write_whole_file


def main() -> None:
    """Answer one request; whatever goes wrong becomes `problem` and `fix` in `result.json`."""
    request = json.loads(sys.argv[1])
    folder = Path(request["folder"])
    try:
        answer: dict[str, Any] = {"rows": _read(request, folder)}
    except UserError as error:
        answer = {"problem": error.problem, "fix": error.fix}
    except Exception as error:
        answer = {"problem": _explain(error), "fix": _fix_for(error)}
    with write_whole_file(folder / "result.json") as path:
        path.write_text(json.dumps(answer, ensure_ascii=False), encoding="utf-8")


def _read(request: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    from datasets import Image  # type: ignore[import-untyped]
    from modelscope.msdatasets import MsDataset

    loaded = MsDataset.load(
        request["dataset"],
        subset_name=request["subset"],
        split=request["split"],
        version=request["revision"] or "master",
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
        rows.append(_put(name, index, row[image], row[caption] if caption else None, folder))
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


def _put(name: str, index: int, value: Any, caption: Any, folder: Path) -> dict[str, Any]:
    """Store one picture's bytes, or say why the cell holds none."""
    data = path = None
    if isinstance(value, dict):
        data, path = value.get("bytes"), value.get("path")
    elif isinstance(value, bytes):
        data = value
    elif isinstance(value, str):
        path = value
    if data is None and path and Path(path).is_file():
        data = Path(path).read_bytes()
    if data is None:
        if value is None:
            return {"source": name, "reason": "no_image", "detail": "the cell is empty"}
        said = path or f"a {type(value).__name__}"
        return {"source": name, "reason": "no_image", "detail": f"the cell holds no picture but {said}"}
    if caption is not None and not isinstance(caption, str):
        return {"source": name, "reason": "caption", "detail": f"the caption is a {type(caption).__name__}"}
    file = f"{index:06d}.bin"
    (folder / file).write_bytes(data)
    return {"source": name, "file": file, "caption": caption}


def _explain(error: BaseException) -> str:
    """Return what happened in one line: the innermost error, which is the one that says it."""
    while error.__cause__ or (error.__context__ and not error.__suppress_context__):
        inner = error.__cause__ or error.__context__
        if inner is None:
            break
        error = inner
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:600]


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
