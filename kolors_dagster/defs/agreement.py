"""Hold what a picture says of itself against the event log."""

from collections.abc import Iterator
from typing import Any

from kolors_dagster.defs.history import History, Made
from kolors_dagster.defs.partitions import pair_key
from kolors_dagster.lineage.records import Lineage
from kolors_dagster.story.provenance import PIXELS, panel_version

NO_LOG: dict[str, Any] = {"state": "none", "differences": [], "superseded": None}


def add_history(lineage: Lineage, history: History) -> None:
    """Fill in a lineage's runs and times from the event log, and under `log` whether the two agree.

    `state` is "agrees", "differs" (`differences` says in what) or "unknown": the log has no such picture.
    `superseded`: the log knows a newer picture in this one's place.
    """
    picture, pair = lineage["picture"], str(pair_key(lineage["style"], lineage["story"]))
    made: dict[int, Made | None] = {}
    if picture["kind"] == "panel":
        number = lineage["panels"][0]["number"]
        whole = made[number] = _find_panel(history, lineage["panels"][0], pair)
    else:
        whole = _find_composed(history, picture, pair)
        for panel in lineage["panels"]:
            named = history.source(whole, f"panel_{panel['number']}") if whole else None
            made[panel["number"]] = named or _find_panel(history, panel, pair)
    differences = [
        difference
        for panel in lineage["panels"]
        for difference in _compare_panel(panel, made[panel["number"]], history)
    ]
    for lora in lineage["loras"]:
        drawn = [
            made[panel["number"]] for panel in lineage["panels"] if panel["lora_sha256"] == lora["sha256"]
        ]
        differences += _compare_lora(lora, [panel for panel in drawn if panel], history)
    superseded = None
    if whole:
        picture["run_id"], picture["made_at"] = whole.run_id, whole.when
        newest = history.newest(whole.asset, pair)
        superseded = newest is not None and newest.storage_id != whole.storage_id
    if lineage["grid"] and whole:
        lineage["grid"]["run_id"] = whole.run_id
    state = "unknown" if whole is None else "differs" if differences else "agrees"
    lineage["log"] = {"state": state, "differences": differences, "superseded": superseded}


def _find_composed(history: History, picture: dict[str, Any], pair: str) -> Made | None:
    name = f"{picture['kind']}_{PIXELS}"
    return next(
        (made for made in history.all("story_grid", [pair]) if made.metadata.get(name) == picture[PIXELS]),
        None,
    )


def _find_panel(history: History, panel: dict[str, Any], pair: str) -> Made | None:
    """Return the panel's newest materialization, by preference one of the very same recipe."""
    same_pixels = [
        made
        for made in history.all(f"panel_{panel['number']}", [pair])
        if made.data_version == _version(panel)
    ]
    same_recipe = [made for made in same_pixels if made.metadata.get("recipe") == panel["recipe"]]
    return next(iter(same_recipe or same_pixels), None)


def _compare_panel(panel: dict[str, Any], made: Made | None, history: History) -> Iterator[str]:
    where = f"panel {panel['number']}"
    if made is None:
        yield f"{where}: the log knows nothing of it"
        return
    panel["run_id"], panel["drawn_at"] = made.run_id, made.when
    if made.data_version != _version(panel):
        yield _say(f"{where}: the pixels' hash", _version(panel), made.data_version)
    logged = made.metadata.get("recipe", {})
    for name, value in panel["recipe"].items():
        if logged.get(name) != value:
            yield _say(f"{where}: {name}", value, logged.get(name))
    for asset, said in (
        ("lora_checkpoint", panel["lora_sha256"]),
        ("base_model", panel["base_model"]["version"]),
    ):
        source = history.source(made, asset)
        if source is not None and source.data_version != said:
            yield _say(f"{where}: {asset}", said, source.data_version)


def _version(panel: dict[str, Any]) -> str:
    return panel_version(panel[PIXELS], draft=panel["recipe"].get("draft", False))


def _compare_lora(lora: dict[str, Any], drawn: list[Made], history: History) -> Iterator[str]:
    trained = next(
        (
            source
            for made in drawn
            if (source := history.source(made, "lora_checkpoint")) and source.data_version == lora["sha256"]
        ),
        None,
    )
    if trained is None:
        return
    lora["run_id"], lora["trained_at"] = trained.run_id, trained.when
    cache = history.source(trained, "training_cache")
    dataset = history.source(cache, "processed_dataset") if cache else None
    said = lora["dataset"]["data_version"]
    if dataset and dataset.data_version != said:
        yield _say(f"LoRA {lora['sha256'][:12]}: data set", said, dataset.data_version)


def _say(what: str, in_picture: object, in_log: object) -> str:
    return f"{what} is {in_picture} in the picture, {in_log} in the log"
