"""Asset checks: what Dagster shows of the measuring that the packages below do."""
