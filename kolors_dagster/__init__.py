"""Kolors stories as Dagster assets: from a style's images to eight drawn panels, traceable end to end."""
