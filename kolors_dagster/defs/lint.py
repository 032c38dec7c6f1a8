"""Lint as this project is set up: its styles' trigger words, and the chosen base model's own tokenizer."""

from pathlib import Path

from kolors_dagster.defs.outputs import output_file
from kolors_dagster.defs.resources import chosen_model
from kolors_dagster.defs.sources import read_style
from kolors_dagster.errors import UserError
from kolors_dagster.files import read_json
from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.layout import find_layout
from kolors_dagster.kolors.tokens import split_at_limit
from kolors_dagster.mini.config import TOKENIZER_MODEL
from kolors_dagster.paths import data_root, styles_folder
from kolors_dagster.specs import PanelSpec, ResolvedPanel
from kolors_dagster.story.lint import Cut, Draft, Finding, lint_panel


def lint_resolved(
    panel: PanelSpec, characters: dict[str, str], resolved: ResolvedPanel, style: str | None = None
) -> list[Finding]:
    """Return what lint finds in one panel, to be drawn in `style` or in any there is."""
    tokenizer = find_tokenizer()

    def find_cut(text: str) -> Cut | None:
        if tokenizer is None:
            return None
        tokens, read, ignored = split_at_limit(tokenizer, text)
        return Cut(tokens, read, ignored) if ignored else None

    return lint_panel(Draft(panel.prompt, characters, resolved, read_trigger_words(), style, find_cut))


def find_tokenizer() -> Path | None:
    """Return the chosen base model's tokenizer; None while a model that has to be downloaded is not there."""
    record = output_file("base_model")
    model = BaseModel.from_json(read_json(record), data_root()) if record.exists() else None
    if model is not None and model.name == chosen_model():
        try:
            return find_layout(model.folder).tokenizer
        except UserError:
            return None
    return TOKENIZER_MODEL if chosen_model() == "kolors-mini" else None


def read_trigger_words() -> dict[str, str]:
    """Return the trigger words of every style whose file can be read."""
    words = {}
    for path in sorted(styles_folder().glob("*.yaml")):
        try:
            words[path.stem] = read_style(path.stem).trigger_words
        except UserError:
            continue  # `check` and the style's own assets say what is wrong with it
    return words
