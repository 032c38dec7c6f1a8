"""The asset graph, by group."""
