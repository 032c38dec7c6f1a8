"""Which styles and stories a person means."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import dagster as dg

from kolors_dagster.defs.partitions import pair_key
from kolors_dagster.defs.plan import MODEL, Item, pictures_item, story_item, style_item
from kolors_dagster.defs.sources import read_story, read_style
from kolors_dagster.errors import UserError


@dataclass(frozen=True)
class Targets:
    """What to bring up to date: styles, and stories in styles.

    `draft`: the stories are to be drafts, or not; None leaves each as it is.
    """

    styles: Sequence[str]
    pairs: Sequence[tuple[str, str]]  # (style, story)
    draft: bool | None = None

    def all_styles(self) -> list[str]:
        """Return each style once, those of the pairs included."""
        return list(dict.fromkeys([*self.styles, *(style for style, _ in self.pairs)]))

    def all_stories(self) -> list[str]:
        """Return each story once."""
        return list(dict.fromkeys(story for _, story in self.pairs))

    def items(self) -> list[Item]:
        """Return the work in order: all training before all drawing, so that each loads its model once."""
        return [
            MODEL,
            *(style_item(style) for style in self.all_styles()),
            *(story_item(story, self.draft) for story in self.all_stories()),
            *(pictures_item(style, story) for style, story in self.pairs),
        ]


def choose_targets(
    instance: dg.DagsterInstance, stories: Sequence[str], styles: Sequence[str], *, everything: bool
) -> Targets:
    """Return what is meant by the stories and styles named, or by none.

    As a rule, what was drawn before: stories named in the styles they were drawn in, styles named with the
    stories that were drawn in them, without names all of these. Stories and styles named together: each story
    in each style. `everything`: so too, and no names stand for all files. Raises UserError for a name without
    a file, and for a story named alone that was never drawn.
    """
    all_styles, all_stories = (sorted(instance.get_dynamic_partitions(name)) for name in ("style", "story"))
    for name in stories:
        if name not in all_stories:
            read_story(name)  # raises what the mistake is
    for name in styles:
        if name not in all_styles:
            read_style(name)
    if everything or (stories and styles):
        chosen = styles or all_styles
        return Targets(chosen, [(style, story) for style in chosen for story in stories or all_stories])
    drawn = [(style, story) for style, story in drawn_pairs(instance) if style in (styles or all_styles)]
    if not stories:
        return Targets(styles or _trained_styles(instance), drawn)
    for name in stories:
        if name not in {story for _, story in drawn}:
            raise UserError(
                f"the story {name!r} has not been drawn in any style yet",
                "say which: --style STYLE, or --all for every style",
            )
    return Targets([], [(style, story) for style, story in drawn if story in stories])


def drawn_pairs(instance: dg.DagsterInstance) -> Iterator[tuple[str, str]]:
    """Yield each (style, story) that was ever drawn and whose files are still there."""
    drawn = instance.get_materialized_partitions(dg.AssetKey("story_grid"))
    styles, stories = (sorted(instance.get_dynamic_partitions(name)) for name in ("style", "story"))
    for style in styles:
        yield from ((style, story) for story in stories if pair_key(style, story) in drawn)


def _trained_styles(instance: dg.DagsterInstance) -> list[str]:
    trained = instance.get_materialized_partitions(dg.AssetKey("lora_checkpoint"))
    return sorted(trained & set(instance.get_dynamic_partitions("style")))
