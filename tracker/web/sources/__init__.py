"""Sources: what they say, and what the secretariat adds to them."""
