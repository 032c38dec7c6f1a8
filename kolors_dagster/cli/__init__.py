"""`kolors-dagster`: the same assets as in Dagster's UI, from a terminal."""

from kolors_dagster.cli.app import main

__all__ = ["main"]
