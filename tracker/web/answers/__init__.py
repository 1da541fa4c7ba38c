"""Answering from a mail without signing in."""
