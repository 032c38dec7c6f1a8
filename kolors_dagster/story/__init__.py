"""From drawn panels to the page people share, with its provenance. Nothing here knows of Dagster."""
