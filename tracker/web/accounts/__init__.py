"""Signing in, one's own account, and the people who may come in."""
