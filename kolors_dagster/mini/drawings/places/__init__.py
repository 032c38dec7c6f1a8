"""Places: each paints a background for any view, and knows what the figure sits on."""
