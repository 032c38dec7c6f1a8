"""What in a prompt works against its picture: one rule a function, words in tables of their own."""

from kolors_dagster.story.lint.draft import Cut, Draft, Finding
from kolors_dagster.story.lint.rules import RULES, lint_panel

__all__ = ["RULES", "Cut", "Draft", "Finding", "lint_panel"]
