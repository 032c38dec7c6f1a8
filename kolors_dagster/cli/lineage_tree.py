"""A lineage as a tree for a person to read."""

import sys
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from kolors_dagster.lineage.records import Lineage

_SHOWN_REJECTS = 10
_UNBROKEN = 10_000  # columns
_LOG = {
    "agrees": "[green]✓ the event log agrees[/]",
    "differs": "[red]✗ the event log says something else[/]",
    "unknown": "[yellow]? the event log has no such picture[/]",
    "none": "[yellow]? there is no event log to ask; this is what the picture says of itself[/]",
}


def print_lineage(lineage: Lineage) -> None:
    """Print a picture's history: its panels, then the LoRAs that drew them and their data sets."""
    picture = lineage["picture"]
    tree = Tree(f"[bold]{escape(lineage['story'])}[/] in style [bold]{escape(lineage['style'])}[/]")
    shown = tree.add(f"{picture['kind']} {escape(picture['path'])}")
    if picture["draft"]:
        shown.add("[yellow]a draft[/]")
    shown.add(f"[dim]pixels {picture['pixels_sha256']}[/]")
    if picture["run_id"]:
        shown.add(f"made {_run(picture['made_at'], picture['run_id'])}")
    _add_log(shown, lineage["log"])
    _add_panels(tree, lineage["panels"])
    for lora in lineage["loras"]:
        _add_lora(tree, lora, [p["number"] for p in lineage["panels"] if p["lora_sha256"] == lora["sha256"]])
    _print(tree)


def print_uses(uses: dict[str, Any]) -> None:
    """Print what a LoRA or an image went into."""
    if "image" in uses:
        image = uses["image"]
        tree = Tree(f"[bold]{escape(image['source'])}[/] [dim]pixels {image['pixels_sha256']}[/]")
        tree.add(f"caption: {escape(image['text'])}")
    else:
        tree = Tree("[bold]what this LoRA drew[/]")
    for lora in uses["loras"]:
        branch = _add_lora_head(tree, lora)
        for story in lora["stories"]:
            where = f" → {escape(story['path'])}" if story["path"] else ""
            when = _run(story["drawn_at"], story["run_id"]) if story["run_id"] else ""
            state = "[green]current[/]" if story["current"] else "[dim]drawn anew since[/]"
            panels = ", ".join(map(str, story["panels"]))
            branch.add(f"[bold]{escape(story['story'])}[/] panels {panels} · {state} · {when}{where}")
        if not lora["stories"]:
            branch.add("no story yet")
    _print(tree)


def _add_log(tree: Tree, log: dict[str, Any]) -> None:
    branch = tree.add(_LOG[log["state"]])
    for difference in log["differences"]:
        branch.add(escape(difference))
    if log["superseded"]:
        branch.add("[yellow]it was made anew since: this is an older one[/]")


def _add_panels(tree: Tree, panels: list[dict[str, Any]]) -> None:
    """Add what was drawn, with what all panels share said once."""
    facts = [_list_facts(panel) for panel in panels]
    shared = [fact for fact in facts[0] if len(panels) > 1 and all(fact in others for others in facts)]
    branch = tree.add("[bold]panels[/]") if len(panels) > 1 else tree
    for fact in shared:
        branch.add(fact)
    for panel, its_facts in zip(panels, facts, strict=True):
        shown = branch.add(f"[bold]{panel['number']}[/] · seed {panel['seed']} · {escape(panel['prompt'])}")
        for fact in its_facts:
            if fact not in shared:
                shown.add(fact)
        shown.add(
            f"[dim]pixels {panel['pixels_sha256'][:12]}[/] {escape(panel['path'] or 'its file is gone')}"
        )


def _list_facts(panel: dict[str, Any]) -> list[str]:
    recipe, base = panel["recipe"], panel["base_model"]
    early = recipe.get("early_guidance_scale")
    facts = [
        f"{panel['sampler']} · {recipe['steps']} steps · guidance {recipe['guidance_scale']:g}"
        f"{'' if early is None else f' (at first {early:g})'} · "
        f"{recipe['width']}×{recipe['height']}{' · draft' if recipe.get('draft') else ''}",
        f"{escape(base['name'])} [dim]{base['version'][:12]}[/] + LoRA [dim]{panel['lora_sha256'][:12]}[/] "
        f"× {recipe['lora_weight']:g}",
    ]
    if panel["negative_prompt"]:
        facts.insert(0, f"not: {escape(panel['negative_prompt'])}")
    if panel["run_id"]:
        facts.append(f"drawn in run [cyan]{panel['run_id']}[/]")
    return facts


def _add_lora_head(tree: Tree, lora: dict[str, Any]) -> Tree:
    branch = tree.add(f"[bold]LoRA {lora['sha256']}[/] of style {escape(lora['style'])}")
    if lora["run_id"]:
        branch.add(f"trained {_run(lora['trained_at'], lora['run_id'])}")
    branch.add(escape(lora["path"] or "its file was freed (kolors-dagster gc); train the style again"))
    return branch


def _add_lora(tree: Tree, lora: dict[str, Any], panels: list[int]) -> None:
    branch = _add_lora_head(tree, lora)
    branch.add(f"drew panels {', '.join(map(str, panels))}")
    recipe, loss = lora["recipe"], lora["loss"]
    branch.add(
        f"{recipe['steps']} steps · rank {recipe['rank']} · alpha {recipe['alpha']:g} · learning rate "
        f"{recipe['learning_rate']:g} · batch {recipe['batch_size']} · seed {recipe['seed']}"
    )
    if loss:
        branch.add(f"loss {loss['first']:.4f} → {loss['last']:.4f}, mean {loss['mean']:.4f}")
    branch.add(
        f"on {escape(lora['base_model']['name'])} [dim]{lora['base_model']['version'][:12]}[/], "
        f"trigger words {escape(lora['trigger_words'])}"
    )
    _add_dataset(branch, lora["dataset"])


def _add_dataset(tree: Tree, dataset: dict[str, Any]) -> None:
    counts = f" · {dataset['kept']} kept, {dataset['rejected']} rejected" if "kept" in dataset else ""
    branch = tree.add(f"data set [dim]{dataset['data_version']}[/]{counts}")
    reasons = dataset.get("rejected_by_reason", {})
    if reasons:
        rejected = branch.add(
            "rejected: " + ", ".join(f"{count} {escape(reason)}" for reason, count in reasons.items())
        )
        rejects = dataset.get("rejects", [])
        for reject in rejects[:_SHOWN_REJECTS]:
            detail = f"{reject['reason']}: {reject['detail']}"
            rejected.add(f"{escape(reject['source'])} [dim]{escape(detail)}[/]")
        if len(rejects) > _SHOWN_REJECTS:
            rejected.add(f"… and {len(rejects) - _SHOWN_REJECTS} more (--json has them all)")
    for image in dataset.get("images", []):
        branch.add(f"{escape(image['source'])} [dim]{image['pixels_sha256'][:12]}[/] {escape(image['text'])}")


def _run(when: str | None, run_id: str) -> str:
    return f"{when} in run [cyan]{run_id}[/]"


def _print(tree: Tree) -> None:
    # Into a file or another program lines go whole.
    Console(highlight=False, width=None if sys.stdout.isatty() else _UNBROKEN).print(tree)
