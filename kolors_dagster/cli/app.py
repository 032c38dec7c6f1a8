"""The commands and their options."""

import os
import sys
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer

from kolors_dagster.errors import UserError

app = typer.Typer(
    help="Teach Kolors a style, draw a story in eight panels, and know what made each picture.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Story = Annotated[str, typer.Argument(help="A story: the name of a file in data/stories, without .yaml.")]
Style = Annotated[str, typer.Option(help="A style: the name of a file in data/styles, without .yaml.")]
Model = Annotated[
    str | None,
    typer.Option(envvar="KOLORS_MODEL", help="kolors-mini (default), kolors, or a folder with Kolors in it."),
]
Stories = Annotated[list[str] | None, typer.Argument(metavar="[STORY]...", help="Stories; none: all.")]
Styles = Annotated[list[str] | None, typer.Option(help="A style; may be given several times.")]
Everything = Annotated[bool, typer.Option("--all", help="Every story in every style, drawn before or not.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]


@app.command(epilog="Example: kolors-dagster story star-wish --style ink-wash")
def story(
    story: Story = "star-wish",
    style: Style = "anime",
    draft: Annotated[
        bool, typer.Option("--draft", help="A preview at a third of the cost, in files of its own.")
    ] = False,
    model: Model = None,
) -> None:
    """Bring a story up to date, with everything it needs and only that, and say where its pages lie."""
    _choose_model(model)
    from kolors_dagster.cli.update import update_story

    _until_interrupted(lambda: update_story(story, style, draft=draft))


@app.command(epilog="Example: kolors-dagster train watercolour")
def train(style: Annotated[str, typer.Argument(help="The style to train.")], model: Model = None) -> None:
    """Bring a style's LoRA up to date."""
    _choose_model(model)
    from kolors_dagster.cli.update import update_style

    _until_interrupted(lambda: update_style(style))


@app.command(epilog="Example: kolors-dagster up star-wish --style anime --style ink-wash --dry-run")
def up(
    stories: Stories = None,
    style: Styles = None,
    everything: Everything = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be made, and why.")] = False,
    model: Model = None,
    json: Json = False,
) -> None:
    """Make up to date whatever is out of date: all that was drawn before, or the stories and styles named."""
    _choose_model(model)
    from kolors_dagster.cli.up import bring_up_to_date

    def work() -> None:
        if not bring_up_to_date(
            stories or [], style or [], everything=everything, dry_run=dry_run, as_json=json
        ):
            raise typer.Exit(1)

    _until_interrupted(work)


@app.command(epilog="Example: kolors-dagster status star-wish --style anime --json")
def status(
    stories: Stories = None,
    style: Styles = None,
    everything: Everything = False,
    model: Model = None,
    json: Json = False,
) -> None:
    """Say what is fresh, stale or missing, and why: of all that was drawn, or of one story in one style."""
    _choose_model(model)
    from kolors_dagster.cli.status import print_overview, print_status

    if stories and style and len(stories) == len(style) == 1 and not everything:
        print_status(stories[0], style[0], as_json=json)
    elif not print_overview(stories or [], style or [], everything=everything, as_json=json):
        raise typer.Exit(1)


@app.command(epilog="Example: kolors-dagster check star-wish --style ink-wash")
def check(
    stories: Annotated[
        list[str] | None, typer.Argument(metavar="[STORY]...", help="Stories, without .yaml; none: all.")
    ] = None,
    style: Annotated[str | None, typer.Option(help="The style to draw in; without it, any.")] = None,
    model: Model = None,
    json: Json = False,
) -> None:
    """Read stories and styles and warn of what would spoil their pictures; nothing is run."""
    _choose_model(model)
    from kolors_dagster.cli.check import print_check

    if not print_check(stories or [], style, as_json=json):
        raise typer.Exit(1)


@app.command(
    epilog="Example: kolors-dagster lineage star-wish --style ink-wash · lineage copied/all.png --json"
)
def lineage(
    about: Annotated[
        str | None, typer.Argument(metavar="STORY|PICTURE", help="A story, or a picture: PNG or all.jpg.")
    ] = None,
    style: Style = "anime",
    lora: Annotated[
        str | None, typer.Option(help="What did this LoRA draw? Its sha256 or the beginning of it.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(help="What did this training image go into? A file or its sha256.")
    ] = None,
    json: Json = False,
) -> None:
    """Say who drew a picture: prompts, seeds, base model, LoRA, its training and every image of it."""
    from kolors_dagster.cli.lineage import show_lineage, show_uses_of_image, show_uses_of_lora

    if sum(option is not None for option in (about, lora, image)) != 1:
        raise UserError(
            "lineage: ask about one thing", "give a story or a picture, or --lora SHA256, or --image FILE"
        )
    if lora is not None:
        show_uses_of_lora(lora, as_json=json)
    elif image is not None:
        show_uses_of_image(image, as_json=json)
    elif about is not None:
        show_lineage(about, style, as_json=json)


@app.command(epilog="Example: kolors-dagster gc --keep 2 --dry-run")
def gc(
    keep: Annotated[
        int, typer.Option(min=0, help="How many of the newest to keep beside what is needed.")
    ] = 3,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
) -> None:
    """Free disk space: delete old LoRAs and old drawn panels that nothing current needs.

    Per style the newest KEEP LoRAs stay, and of each panel of a story the
    newest KEEP pictures in the store.

    Whatever their age, what a style or a story has now stays: the LoRA of a
    style, the picture of a panel, and the LoRA which that was drawn with.
    The records of deleted LoRAs stay too: `lineage` still tells their history.

    Also deleted: what killed runs left half-written, and checkpoints of
    finished trainings. Nothing outside data/assets is touched.
    """
    from kolors_dagster.cli.gc import collect_garbage

    collect_garbage(keep, dry_run=dry_run)


@app.command(epilog="Example: kolors-dagster doctor --model kolors")
def doctor(model: Model = None, json: Json = False) -> None:
    """Look at this machine and say what would not work and how to mend it."""
    _choose_model(model)
    from kolors_dagster.cli.doctor import print_diagnosis

    if not print_diagnosis(as_json=json):
        raise typer.Exit(1)


def _until_interrupted(work: Callable[[], None]) -> None:
    """Do `work`; Ctrl-C ends it with a line that says how to go on."""
    try:
        work()
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on", file=sys.stderr)
        raise typer.Exit(130) from None


def _choose_model(model: str | None) -> None:
    if model:
        os.environ["KOLORS_MODEL"] = model


def main() -> NoReturn:
    """Run the command line; a person's mistake ends it with one message."""
    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    sys.exit(0)
