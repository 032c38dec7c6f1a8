"""What Dagster loads: thin wrappers around the packages below."""
