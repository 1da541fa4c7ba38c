"""Tasks: list, page, and what the secretariat changes."""
