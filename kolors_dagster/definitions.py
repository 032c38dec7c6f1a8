"""What Dagster loads."""

import dagster as dg

from kolors_dagster.defs.all import make_definitions

defs: dg.Definitions = make_definitions()
