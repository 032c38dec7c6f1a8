"""Which form of training caches this program writes and reads: apart, for Dagster asks without PyTorch."""

CACHE_FORMAT = 6
"""Raised whenever former caches cannot be read: they then count as made by other code and are made again."""
