"""From a style's source to clean, captioned training images. Nothing here knows of Dagster."""
