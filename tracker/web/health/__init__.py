"""Whether this node can answer."""
