"""Actors: the organisations, their people and their tasks."""
