"""What runs beside the web: a scheduler that ticks, and short jobs that may run anywhere."""

from tracker.jobs.scheduler import start

__all__ = ["start"]
