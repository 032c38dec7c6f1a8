"""Getting a base model: the small one is built here, Kolors comes from ModelScope, a folder is used as is."""

import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kolors_dagster.errors import UserError
from kolors_dagster.files import join_inside, read_json, write_json
from kolors_dagster.kolors.layout import FP16_FIX_FOLDER, find_layout
from kolors_dagster.mini.config import RECIPE_FILE, mini_recipe

MINI = "kolors-mini"
KOLORS = "kolors"
KOLORS_REPOSITORIES = {"": "Kwai-Kolors/Kolors", FP16_FIX_FOLDER: "AI-ModelScope/sdxl-vae-fp16-fix"}
LICENCE = """\
Kolors is by Kuaishou's Kolors team, under its own licence (MODEL_LICENSE in the folder): free for academic
research; commercial use must be registered with them first (README of Kwai-Kolors/Kolors). Passing the model
on means passing on that licence too."""
_CONFIGS = {
    "config.json",
    "model_index.json",
    "scheduler_config.json",
    "tokenizer.model",
    "tokenizer_config.json",
}
_MANIFEST = ".download.json"
_LOCKS = ".cache"  # where the client keeps its locks while it works
_MARGIN = 2**30  # bytes to leave free on the disk
_GO_ON = (
    "run the command again: it goes on where it stopped. Check the network, and MODELSCOPE_ENDPOINT if you "
    "use a mirror; or download the model by other means and give its folder"
)


@dataclass(frozen=True)
class RemoteFile:
    """One file of a repository: its path there, its bytes, its sha256 (empty if the hub does not say)."""

    path: str
    size: int
    sha256: str


def download_base_model(name: str, data_root: Path) -> Path:
    """Return the folder of a base model, made or downloaded below `data_root` when it is not there yet.

    `name`: `kolors-mini`, `kolors`, or a folder in either layout. A download that was cut off goes on where
    it stopped; a complete one needs no network. Raises UserError if the model cannot be had.
    """
    if name == MINI:
        return _make_mini(join_inside(data_root, "models", MINI))
    if name == KOLORS:
        return _download_kolors(join_inside(data_root, "models", KOLORS))
    folder = Path(name).expanduser().resolve()
    if not folder.is_dir():
        raise UserError(
            f"base model {name!r} is neither {MINI!r} nor {KOLORS!r}, and there is no such folder",
            "write one of these names, or the path of a folder that holds unet/, vae/ and text_encoder/",
        )
    find_layout(folder)
    return folder


def choose_files(files: Iterable[RemoteFile]) -> list[RemoteFile]:
    """Return the files the model is read from: no code, and each part's weights in one format only.

    fp16 is preferred, as in `kolors.layout`; safetensors to `.bin`.
    """
    weights: dict[PurePosixPath, list[RemoteFile]] = {}
    chosen = []
    for file in files:
        path = PurePosixPath(file.path)
        if len(path.parts) > 2 or ".." in path.parts:
            continue
        if path.name in _CONFIGS or path.name.startswith("MODEL_LICENSE"):
            chosen.append(file)
        elif path.name.startswith(("model", "pytorch_model", "diffusion_pytorch_model")):
            weights.setdefault(path.parent, []).append(file)
    for group in weights.values():
        for wanted in (("safetensors", "fp16"), ("safetensors", ""), ("bin", "fp16"), ("bin", "")):
            same = [file for file in group if all(part in PurePosixPath(file.path).name for part in wanted)]
            if any(file.path.endswith(wanted[0]) for file in same):
                chosen += same
                break
    return sorted(chosen, key=lambda file: file.path)


def _make_mini(folder: Path) -> Path:
    recipe = folder / RECIPE_FILE
    if not recipe.is_file() or recipe.read_text().strip() != mini_recipe():
        from kolors_dagster.mini.build import build_mini

        build_mini(folder)
    return folder


def _download_kolors(folder: Path) -> Path:
    manifest = folder / _MANIFEST
    if manifest.is_file() and all(_has(folder, path, size) for path, size in read_json(manifest).items()):
        return folder
    wanted = {part: _list(repository) for part, repository in KOLORS_REPOSITORIES.items()}
    paths = {
        (PurePosixPath(part) / file.path).as_posix(): file for part, files in wanted.items() for file in files
    }
    print(LICENCE, file=sys.stderr)
    _check_disk(folder, sum(file.size for path, file in paths.items() if not _has(folder, path, file.size)))
    for part, repository in KOLORS_REPOSITORIES.items():
        _fetch(repository, folder / part, folder / _LOCKS, wanted[part])
    short = [path for path, file in paths.items() if not _has(folder, path, file.size)]
    if short:
        raise UserError(f"{folder}: not fully downloaded: {', '.join(short)}", _GO_ON)
    find_layout(folder)
    shutil.rmtree(folder / _LOCKS, ignore_errors=True)
    write_json(manifest, {path: file.size for path, file in paths.items()})
    return folder


def _list(repository: str) -> list[RemoteFile]:
    from modelscope_hub import HubApi

    try:
        entries = HubApi().list_repo_files(repository, "model")
    except Exception as error:  # the client raises its own, requests' and the system's errors
        raise UserError(
            f"{repository}: the hub did not list its files ({_describe(error)})", _GO_ON
        ) from error
    files = [RemoteFile(entry.path, entry.size or 0, entry.sha256 or "") for entry in entries]
    chosen = choose_files(files)
    if not chosen:
        raise UserError(f"{repository}: the hub lists no model files there", _GO_ON)
    return chosen


def _fetch(repository: str, folder: Path, locks: Path, files: list[RemoteFile]) -> None:
    """Download files whole (size and sha256 checked by the client against the hub's list)."""
    from modelscope.hub.snapshot_download import snapshot_download

    try:
        snapshot_download(
            repository,
            local_dir=str(folder),
            cache_dir=str(locks),
            allow_patterns=[file.path for file in files],
        )
    except Exception as error:  # as above
        raise UserError(f"{repository}: the download stopped: {_describe(error)}", _GO_ON) from error


def _describe(error: BaseException) -> str:
    failed = getattr(error, "failed_files", None)
    if failed:
        return "; ".join(f"{path}: {_describe(cause)}" for path, cause in sorted(failed.items()))
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _check_disk(folder: Path, missing: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if missing and missing + _MARGIN > free:
        raise UserError(
            f"{folder}: {missing / 2**30:.1f} GiB to download, but only {free / 2**30:.1f} GiB free",
            "free some space, or move the data root to another disk with KOLORS_DATA",
        )


def _has(folder: Path, path: str, size: int) -> bool:
    file = folder / path
    return file.is_file() and file.stat().st_size == size
