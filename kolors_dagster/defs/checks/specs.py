"""What is checked, on which asset, and what to do when a check fails.

Every check runs inside its asset's own step. What fails a blocking one is not recorded, and where the check
can be made before writing, does not replace the good output before it: the asset stays out of date and is
tried again. A step of its own would come too late for that, as Dagster keeps the bad materialization with its
new data version; and it could not be run by itself either, which the UI does not offer for partitions (1.13).

Every check has its asset's partitions. Without them Dagster judges all partitions by the last evaluation of
any of them, and automation holds up story B for story A's panel, or lets A
through because B is fine.
"""

import warnings

import dagster as dg

from kolors_dagster.defs.keys import PANEL_KEYS, PROMPT_KEYS
from kolors_dagster.defs.partitions import STORIES, STYLES, STYLES_AND_STORIES


def _check(
    asset: str, name: str, partitions: dg.PartitionsDefinition, description: str, *, blocking: bool
) -> dg.AssetCheckSpec:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)  # of partitions_def
        return dg.AssetCheckSpec(
            name, asset=asset, partitions_def=partitions, description=description, blocking=blocking
        )


FILES = {
    stage: _check(
        stage,
        "files",
        STYLES,
        "Every row has its picture, readable, every picture its row, and the counts agree: what came in is "
        "kept or rejected. If it fails: look whether the disk is full or something else writes to the "
        "folder, and materialize this asset again.",
        blocking=True,
    )
    for stage in ("raw_dataset", "filtered_dataset", "processed_dataset")
}
ENOUGH_IMAGES = _check(
    "processed_dataset",
    "enough_images",
    STYLES,
    "There are enough pictures to train on at all. If it fails: give the style's source more pictures, or "
    "loosen its `process`; filtered_dataset's funnel says which operator removed them.",
    blocking=True,
)
VARIED_IMAGES = _check(
    "processed_dataset",
    "enough_for_a_style",
    STYLES,
    "There are enough pictures for a LoRA to learn what they share rather than each of them. If it warns: "
    "add pictures of other subjects in the same style, or train for fewer steps.",
    blocking=False,
)
LORA_ACTS = _check(
    "lora_checkpoint",
    "acts",
    STYLES,
    "The LoRA is made of finite numbers, not all zero, and changes what the UNet predicts. If it fails: "
    "raise training.learning_rate or training.steps if it changes nothing; lower training.learning_rate, or "
    "write training.precision: fp32, if it is not finite.",
    blocking=True,
)
PICTURES = {
    panel: _check(
        panel,
        "picture",
        STYLES_AND_STORIES,
        "The picture is made of finite numbers, shows something, and has the size asked for. If it fails: "
        "try another seed for this panel, a smaller sampling.lora_weight, or, on a GPU, resources.kolors."
        "config.dtype bf16 or fp32 in the Launchpad. The panels beside it are kept.",
        blocking=True,
    )
    for panel in PANEL_KEYS
}
WHOLE_GRID = _check(
    "story_grid",
    "whole",
    STYLES_AND_STORIES,
    "The sheet is 1024 × 2048 and each of its eight pictures shows something. If it fails: materialize the "
    "panels it names again.",
    blocking=True,
)
PROMPTS_LINT = {
    prompt: _check(
        prompt,
        "lint",
        STORIES,
        "Nothing in the prompt works against the picture: another style's name, looks other than the "
        "character's, hands that nothing watches over, words that are cut off. If it warns: change the "
        "story's file as it says.",
        blocking=False,
    )
    for prompt in PROMPT_KEYS
}
CAPTIONS_FIT = _check(
    "captions",
    "fit",
    STORIES,
    "Title and captions fit their places on the page, in characters the font has. If it warns: shorten what "
    "it names (a caption has three lines), or use other characters.",
    blocking=False,
)
