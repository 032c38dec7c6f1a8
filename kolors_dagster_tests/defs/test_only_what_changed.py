"""The edits a person makes, on a real instance: exactly what has to be made again is, and nothing after."""

import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from kolors_dagster.definitions import defs
from kolors_dagster.defs.assets import panels
from kolors_dagster.defs.freshness import AssetState
from kolors_dagster.defs.instance import open_instance
from kolors_dagster.defs.keys import PANEL_KEYS, PICTURE_ASSETS
from kolors_dagster.defs.outputs import output_file
from kolors_dagster.defs.partitions import pair_key
from kolors_dagster.defs.plan import Item
from kolors_dagster.defs.targets import Targets
from kolors_dagster.defs.update import Updater
from kolors_dagster.kolors.prior_preservation import UNPROMPTED
from kolors_dagster.story.provenance import read_record
from kolors_dagster.story.store import PanelStore
from kolors_dagster_tests.conftest import draw_picture, make_project
from kolors_dagster_tests.defs.dagster_says import all_states, check_agreement, stale_in_ui
from kolors_dagster_tests.defs.model_calls import counted_calls

TARGETS = Targets(["tiny"], [("tiny", "walk")])
STEPS, GUIDED = 2, 2  # the story's steps; with guidance a picture is two rows of the UNet's batch


@dataclass
class Project:
    """One row's own copy of the drawn project."""

    root: Path
    instance: dg.DagsterInstance
    definitions: dg.Definitions = field(default_factory=lambda: defs)

    def edit(self, kind: str, change: Callable[[dict[str, Any]], object]) -> None:
        path = self.root / kind / {"styles": "tiny.yaml", "stories": "walk.yaml"}[kind]
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))
        change(spec)
        path.write_text(yaml.safe_dump(spec, allow_unicode=True), encoding="utf-8")

    def update(self) -> tuple[list[list[str]], Counter[str]]:
        """Bring all up to date; return what each run made, and what the model computed.

        When the edit has reached the pictures, or else after the last run, our answer has to be Dagster's.
        """
        compared = []

        def announce(item: Item, wave: Sequence[AssetState]) -> None:
            print(item.name, [(state.key, state.causes) for state in wave])
            if item.job == "draw_story" and not compared:
                compared.append(item)
                self.compare_with_dagster()

        updater = Updater(self.definitions, self.instance, announce)
        with counted_calls() as calls:
            updater.update(TARGETS)
        assert not updater.problems
        if updater.runs and not compared:
            self.compare_with_dagster()
        return [[state.key for state in run.assets] for run in updater.runs], calls

    def compare_with_dagster(self) -> None:
        states = all_states(self.instance, self.definitions, "tiny", "walk")
        check_agreement(self.instance, self.definitions, states)
        pictures = [state for state in states if state.key in PICTURE_ASSETS and state.status != "missing"]
        if self.definitions is defs:  # the UI's page loads the code as it stands in its file
            shown = stale_in_ui(self.instance, PICTURE_ASSETS, str(pair_key("tiny", "walk")))
            lost = {state.key for state in states if state.status == "missing"}
            assert {key: causes for key, causes in shown.items() if key not in lost} == {
                state.key: {f"{cause.split(': ')[1]} has a new data version" for cause in state.causes}
                for state in pictures
                if state.status == "stale"
            }


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder with a project whose story is drawn: `data`, and Dagster's `home`."""
    folder = tmp_path_factory.mktemp("drawn")
    with pytest.MonkeyPatch.context() as patch:
        make_project(folder, patch)
        Updater(defs, open_instance(), lambda item, wave: None).update(TARGETS)
    return folder


@pytest.fixture
def project(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name, variable in (("data", "KOLORS_DATA"), ("home", "DAGSTER_HOME")):
        shutil.copytree(drawn / name, tmp_path / name)
        monkeypatch.setenv(variable, str(tmp_path / name))
    monkeypatch.delenv("KOLORS_MODEL", raising=False)
    return Project(tmp_path / "data", open_instance())


def panel(number: int, **changes: object) -> Callable[[Project], None]:
    return lambda project: project.edit("stories", lambda story: story["panels"][number - 1].update(changes))


def style(**changes: object) -> Callable[[Project], None]:
    return lambda project: project.edit("styles", lambda spec: spec.update(changes))


def describe_the_girl_anew(project: Project) -> None:
    project.edit("stories", lambda story: story["characters"].update({"女孩": "一个金色长发的女孩"}))


def weaken_the_lora(project: Project) -> None:
    project.edit("stories", lambda story: story["sampling"].update(lora_weight=0.5))


def train_longer(project: Project) -> None:
    project.edit("styles", lambda spec: spec["training"].update(steps=4))


def watch_the_training(project: Project) -> None:
    changes = {"validation_prompt": "女孩在海边", "validation_every": 2, "checkpoint_every": 50}
    project.edit("styles", lambda spec: spec["training"].update(changes))


def write_a_comment(project: Project) -> None:
    with (project.root / "stories" / "walk.yaml").open("a", encoding="utf-8") as file:
        file.write("# 第三格还要再想想\n")


def add_a_picture(project: Project) -> None:
    draw_picture(project.root / "pictures" / "tiny" / "new.png", 64, 5)


def add_what_is_no_picture(project: Project) -> None:
    (project.root / "pictures" / "tiny" / "notes.png").write_bytes(b"")


def train_again(project: Project) -> None:
    """Train by hand, from the start, on the same images."""
    shutil.rmtree(project.root / "assets" / "training_checkpoints")
    project.definitions.resolve_job_def("train_style").execute_in_process(
        instance=project.instance, partition_key="tiny", asset_selection=[dg.AssetKey("lora_checkpoint")]
    )


def edit_in_the_launchpad(project: Project) -> None:
    project.definitions.resolve_job_def("write_story").execute_in_process(
        instance=project.instance,
        partition_key="walk",
        asset_selection=[dg.AssetKey("prompt_3")],
        run_config={"ops": {"prompt_3": {"config": {"prompt": "{女孩}在雨里唱歌"}}}},
    )


def go_there_and_back(project: Project) -> None:
    panel(3, prompt="一只猫睡在屋顶上")(project)
    project.update()
    panel(3, prompt="{女孩}走过第3条街")(project)


def change_the_code(*assets: str) -> Callable[[Project], None]:
    def change(project: Project) -> None:
        project.definitions = defs.map_resolved_asset_specs(
            func=lambda spec: spec.replace_attributes(code_version="next"), selection=list(assets)
        )

    return change


def lose(asset: str, *partition: str) -> Callable[[Project], None]:
    return lambda project: output_file(asset, *partition).unlink()


ALL = [*PANEL_KEYS]
FROM_IMAGES_ON = [
    ["processed_dataset"],
    ["training_cache"],
    ["lora_checkpoint"],
    ALL,
    ["story_grid"],
]
PRESERVED = 1  # of four rows, what the bare model predicts
LOOKED_AT = 2  # the UNet with the new LoRA and without
# A caption, and the two texts without which guidance would not know what to compare with.
TRAINED, CACHED = Counter(unet=3 + LOOKED_AT), Counter(encode=5, text=1 + len(UNPROMPTED))


def drawing(pictures: int, new_texts: int = 0) -> Counter[str]:
    """Return the calls that `pictures` take; texts that were encoded before are in the store."""
    return Counter(unet=STEPS * GUIDED * pictures, text=new_texts, decode=pictures)


ROWS: dict[str, tuple[Callable[[Project], None], list[list[str]], Counter[str]]] = {
    "a comment": (write_a_comment, [], Counter()),
    "a caption": (panel(5, caption="她停了下来。"), [["captions"], ["story_grid"]], Counter()),
    "a prompt": (
        panel(3, prompt="一只猫睡在屋顶上"),
        [["prompt_3"], ["panel_3"], ["story_grid"]],
        drawing(1, 1),
    ),
    "a prompt in the Launchpad": (edit_in_the_launchpad, [["panel_3"], ["story_grid"]], drawing(1, 1)),
    "back to a former prompt": (go_there_and_back, [["prompt_3"], ["panel_3"], ["story_grid"]], Counter()),
    "a negative prompt": (
        panel(2, negative_prompt="雨伞"),
        [["prompt_2"], ["panel_2"], ["story_grid"]],
        drawing(1, 1),
    ),
    "a seed": (panel(8, seed=99), [["prompt_8"], ["panel_8"], ["story_grid"]], drawing(1)),
    "a character": (
        describe_the_girl_anew,
        [[f"prompt_{n}" for n in range(1, 8)], ALL[:7], ["story_grid"]],
        drawing(7, 7),
    ),
    "the LoRA's weight": (weaken_the_lora, [["sampling_recipe"], ALL, ["story_grid"]], drawing(8)),
    "a filter that lets more through": (
        style(process=[{"image_shape_filter": {"min_width": 32, "min_height": 32, "any_or_all": "all"}}]),
        [["filtered_dataset"], *FROM_IMAGES_ON],
        TRAINED + drawing(8) + CACHED,
    ),
    "the training recipe": (
        train_longer,
        [["training_recipe"], ["training_cache", "lora_checkpoint"], ALL, ["story_grid"]],
        Counter(unet=4 + PRESERVED + LOOKED_AT) + drawing(8),
    ),
    "how training is watched": (watch_the_training, [["training_recipe"]], Counter()),
    "an image": (
        add_a_picture,
        [["raw_dataset"], ["filtered_dataset", "processed_dataset"], *FROM_IMAGES_ON[1:]],
        TRAINED + drawing(8) + CACHED,
    ),
    "a file that is no image": (add_what_is_no_picture, [["raw_dataset"]], Counter()),
    "the same LoRA, trained again": (train_again, [], Counter()),
    "the code of the captions": (change_the_code("captions"), [["captions"]], Counter()),
    "a lost panel": (lose("panel_6", "tiny", "walk"), [["panel_6"]], Counter()),
}


@pytest.mark.parametrize("row", ROWS)
def test_exactly_what_the_edit_needs_is_made(project: Project, row: str) -> None:
    edit, runs, calls = ROWS[row]
    edit(project)
    assert project.update() == (runs, calls)
    assert project.update() == ([], Counter())


def test_new_code_of_the_panels_draws_them_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panels, "CODE_VERSION", "next")  # as it stands in a panel's recipe
    change_the_code(*PANEL_KEYS)(project)
    assert project.update() == ([ALL], drawing(8))  # the pictures are the same, so the page stays
    assert project.update() == ([], Counter())


def test_a_damaged_panel_in_the_store_is_found_told_and_drawn_again(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    panel_3 = output_file("panel_3", "tiny", "walk")
    stored = PanelStore().path(read_record(panel_3)["recipe_key"])
    whole = stored.read_bytes()
    stored.write_bytes(whole[: len(whole) // 2])
    panel_3.unlink()
    with caplog.at_level(logging.WARNING):
        runs, calls = project.update()
    assert runs[0] == ["panel_3"]  # drawn alone it may differ in the last bit, and then the page follows
    assert calls == drawing(1)
    assert f"{stored}: damaged" in caplog.text and "drawing it again" in caplog.text
    assert read_record(stored)["pixels_sha256"] == read_record(panel_3)["pixels_sha256"]
    assert project.update() == ([], Counter())
