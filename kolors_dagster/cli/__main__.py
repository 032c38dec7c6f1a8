"""`python -m kolors_dagster.cli`."""

from kolors_dagster.cli import main

main()
