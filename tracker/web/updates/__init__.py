"""Giving status, deciding on it, and moving deadlines."""
