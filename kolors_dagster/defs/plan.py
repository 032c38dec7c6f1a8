"""What would have to be made, for whom, and in which order; looks only, touches nothing."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import dagster as dg

from kolors_dagster.defs.drafts import ask_for_draft, configure_recipe
from kolors_dagster.defs.freshness import AssetState, Freshness
from kolors_dagster.defs.partitions import pair_key
from kolors_dagster.defs.sources import read_story
from kolors_dagster.errors import UserError

if TYPE_CHECKING:
    from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph


@dataclass(frozen=True)
class Item:
    """One job's work on one partition: the base model, a style, a story, or a story in a style.

    `needs` are the names of the items that come before it. `configure` returns the run config of the assets
    of a wave that have one, by their names.
    """

    job: str
    name: str
    partition: str | None
    tags: dict[str, str]
    look: Callable[[Freshness], list[AssetState]]
    needs: tuple[str, ...] = ()
    configure: Callable[[Sequence[AssetState]], dict[str, Any]] = lambda _: {}


MODEL = Item("prepare_base_model", "base model", None, {}, Freshness.of_model)


def style_item(style: str) -> Item:
    """Return the work on a style: from its images to its LoRA."""
    tags = {"kolors/style": style}
    return Item("train_style", f"style {style}", style, tags, lambda f: f.of_style(style), (MODEL.name,))


def story_item(story: str, draft: bool | None = None) -> Item:
    """Return the work on a story: its file as prompts, recipe and captions.

    `draft`: to be a draft, or (unless its file says so) not to be one; None leaves it as it is.
    """
    item = Item(
        "write_story", f"story {story}", story, {"kolors/story": story}, lambda fresh: fresh.of_story(story)
    )
    if draft is None:
        return item
    return replace(
        item,
        look=lambda fresh: ask_for_draft(item.look(fresh), read_story(story).sampling, draft),
        configure=lambda wave: configure_recipe(wave, story, read_story(story).sampling, draft),
    )


def pictures_item(style: str, story: str) -> Item:
    """Return the work on a story's pictures in a style."""
    return Item(
        "draw_story",
        f"story {story} in style {style}",
        pair_key(style, story),
        {"kolors/style": style, "kolors/story": story},
        lambda fresh: fresh.of_pictures(style, story),
        (MODEL.name, f"style {style}", f"story {story}"),
    )


@dataclass(frozen=True)
class PlannedItem:
    """What is made of an item first, and what may have to be made after it.

    An asset of `may_follow` that is fresh is made if something above it comes out different; one that is
    not, in any case.
    """

    item: Item
    first: tuple[AssetState, ...]
    may_follow: tuple[AssetState, ...]

    def outdated(self) -> list[AssetState]:
        """Return what is made in any case."""
        return [*self.first, *(state for state in self.may_follow if state.status != "fresh")]

    def fresh_but_waiting(self) -> list[AssetState]:
        """Return what is made if something above it comes out different."""
        return [state for state in self.may_follow if state.status == "fresh"]


@dataclass
class Plan:
    """What there is to do, and the items of which that cannot be said, with what is wrong.

    `drafts` are the items of which some of what is there is a draft.
    """

    planned: list[PlannedItem] = field(default_factory=list)
    problems: dict[str, UserError] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)  # item → the item with a problem that it needs
    drafts: set[str] = field(default_factory=set)


def make_plan(items: Iterable[Item], fresh: Freshness, graph: "BaseAssetGraph[Any]") -> Plan:
    """Return what is to be done for `items`, which come in order."""
    plan = Plan()
    unsettled: dict[str, set[str]] = {}  # item → its assets that will or may be made again
    for item in items:
        blocked = find_blocked(item, {*plan.problems, *plan.left_out})
        if blocked is not None:
            plan.left_out[item.name] = blocked
            continue
        try:
            states = item.look(fresh)
        except UserError as error:
            plan.problems[item.name] = error
            continue
        if any(state.draft for state in states):
            plan.drafts.add(item.name)
        above = {asset for need in item.needs for asset in unsettled.get(need, ())}
        first, may_follow = split_wave(states, graph, above)
        unsettled[item.name] = {state.key for state in (*first, *may_follow)}
        if unsettled[item.name]:
            plan.planned.append(PlannedItem(item, tuple(first), tuple(may_follow)))
    return plan


def find_blocked(item: Item, failed: Collection[str]) -> str | None:
    """Return what `item` needs and did not get, if anything."""
    return next((need for need in item.needs if need in failed), None)


def split_wave(
    states: Sequence[AssetState], graph: "BaseAssetGraph[Any]", above: Collection[str] = ()
) -> tuple[list[AssetState], list[AssetState]]:
    """Return the outdated assets that nothing made later can make outdated again, and what may follow them.

    An asset waits when a parent is fresh now but may change because of something outdated above it. `above`
    are assets of other partitions that will or may be made again before.
    """
    changing, waiting = set(above), set[str]()
    first, may_follow = [], []
    for state in states:
        parents = {key.to_user_string() for key in graph.get(dg.AssetKey(state.key)).parent_keys}
        if not parents & waiting and state.status != "fresh":
            first.append(state)
            changing.add(state.key)
        elif parents & (waiting | changing):
            may_follow.append(state)
            waiting.add(state.key)
    return first, may_follow
