"""`doctor`: what on this machine would not work, and how to mend it."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal
from urllib.error import URLError
from urllib.request import Request, urlopen

from rich.console import Console

from kolors_dagster.defs.outputs import output_file
from kolors_dagster.defs.resources import chosen_model
from kolors_dagster.errors import UserError
from kolors_dagster.files import read_json
from kolors_dagster.paths import PROJECT_ROOT, data_root, stories_folder, styles_folder
from kolors_dagster.specs import load_story, load_style

_GIB = 2**30
_NEEDS_DISK = {"kolors": 20 * _GIB, "kolors-mini": 1 * _GIB}
_NEEDS_GPU = 7 * _GIB  # free on a card of 8
_PACKAGES = (
    "dagster",
    "dagster-webserver",
    "diffsynth",
    "diffusers",
    "lightning",
    "modelscope",
    "peft",
    "torch",
)


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `fix` is empty when it is fine."""

    what: str
    level: Literal["ok", "warning", "error"]
    detail: str
    fix: str = ""


def print_diagnosis(*, as_json: bool) -> bool:
    """Print all findings; return whether nothing is broken."""
    findings = [finding for check in _CHECKS for finding in check()]
    if as_json:
        print(
            json.dumps({"findings": [asdict(finding) for finding in findings]}, ensure_ascii=False, indent=2)
        )
    else:
        console = Console()
        marks = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "error": "[red]✗[/]"}
        for finding in findings:
            console.print(f"{marks[finding.level]} {finding.what}: {finding.detail}", highlight=False)
            if finding.fix:
                console.print(f"    fix: {finding.fix}", highlight=False)
    return all(finding.level != "error" for finding in findings)


def _check_packages() -> Iterator[Finding]:
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            yield Finding(
                "packages", "error", f"{name} is not installed", "run `make story`, which installs all"
            )
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding("packages", "ok", f"Python {python}, " + ", ".join(found))
    if shutil.which("dj-process") is None and not Path(sys.executable).with_name("dj-process").exists():
        yield Finding(
            "Data-Juicer", "error", "dj-process is not installed", "run `make story`, which installs all"
        )


def _check_device() -> Iterator[Finding]:
    import torch

    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        free, total = torch.cuda.mem_get_info()
        detail = f"{name}, {free / _GIB:.1f} of {total / _GIB:.1f} GiB free"
        small = chosen_model() != "kolors-mini" and free < _NEEDS_GPU
        yield Finding(
            "GPU",
            "warning" if small else "ok",
            detail,
            "close other programs on the GPU; with this little, drawing is slow" if small else "",
        )
    elif torch.backends.mps.is_available():
        yield Finding("GPU", "ok", "Apple GPU (MPS)")
    elif chosen_model() == "kolors-mini":
        yield Finding("GPU", "ok", f"none; kolors-mini draws on the CPU ({os.cpu_count()} cores)")
    else:
        yield Finding(
            "GPU", "warning", "none: full-size Kolors takes hours a story on a CPU", "use --model kolors-mini"
        )


def _check_disk() -> Iterator[Finding]:
    root = data_root()
    existing = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    needed = _NEEDS_DISK.get(chosen_model(), _GIB)
    enough = free >= needed
    yield Finding(
        "disk",
        "ok" if enough else "error",
        f"{free / _GIB:.1f} GiB free at {root}",
        "" if enough else f"free {needed / _GIB:.0f} GiB, or point KOLORS_DATA at another disk",
    )
    if not os.access(existing, os.W_OK):
        yield Finding(
            "data folder", "error", f"{root} cannot be written to", "point KOLORS_DATA at a folder of yours"
        )


def _check_base_model() -> Iterator[Finding]:
    record = output_file("base_model")
    if not record.exists():
        yield Finding("base model", "ok", f"{chosen_model()} is fetched or built by the first run")
        return
    recorded = read_json(record)
    missing = [name for name in recorded["files"] if not (data_root() / recorded["folder"] / name).exists()]
    if missing:
        yield Finding(
            "base model", "error", f"{recorded['name']}: {missing[0]} is gone", "run `kolors-dagster story`"
        )
    else:
        yield Finding("base model", "ok", f"{recorded['name']}, {len(recorded['files'])} files")


def _check_hub() -> Iterator[Finding]:
    from modelscope.hub.utils.utils import get_endpoint

    endpoint = get_endpoint()
    needed = chosen_model() == "kolors" and not output_file("base_model").exists()
    try:
        with urlopen(Request(endpoint, method="HEAD"), timeout=5):
            pass
        yield Finding("ModelScope", "ok", f"{endpoint} answers")
    except (URLError, TimeoutError, OSError) as error:
        yield Finding(
            "ModelScope",
            "error" if needed else "warning",
            f"{endpoint} does not answer ({error}); only --model kolors and modelscope sources need it",
            "check the network or the proxy (HTTPS_PROXY)",
        )


def _check_fonts() -> Iterator[Finding]:
    from kolors_dagster.story.font import load_font, replace_missing

    load_font(24)
    _, missing = replace_missing("春江潮水连海平，海上明月共潮生。")
    yield Finding("font", "error" if missing else "ok", "Chinese captions can be set")


def _check_files() -> Iterator[Finding]:
    for folder, load in ((styles_folder(), load_style), (stories_folder(), load_story)):
        paths = sorted(folder.glob("*.yaml"))
        broken = 0
        for path in paths:
            try:
                load(path)
            except UserError as error:
                broken += 1
                yield Finding(folder.name, "error", error.problem, error.fix)
        if not paths:
            yield Finding(
                folder.name, "error", f"no files in {folder}", "copy them from the project's data folder"
            )
        elif not broken:
            yield Finding(folder.name, "ok", ", ".join(path.stem for path in paths))


def _check_instance() -> Iterator[Finding]:
    home = Path(os.environ.get("DAGSTER_HOME") or PROJECT_ROOT / ".dagster_home")
    config = home / "dagster.yaml"
    if config.exists() and config.read_bytes() != (PROJECT_ROOT / "dagster.yaml").read_bytes():
        yield Finding(
            "Dagster", "warning", f"{config} differs from the project's", f"delete {config}, or keep it so"
        )
    else:
        yield Finding("Dagster", "ok", f"DAGSTER_HOME is {home}")


_CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _check_packages,
    _check_device,
    _check_disk,
    _check_base_model,
    _check_hub,
    _check_fonts,
    _check_files,
    _check_instance,
)
