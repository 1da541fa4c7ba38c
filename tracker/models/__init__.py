"""Tables, one file per feature. Importing this package loads them all."""

from tracker.models.accounts import (
    Absence,
    Attempt,
    CalendarFeed,
    DeclinedMail,
    Membership,
    SignInLink,
    User,
    UserSession,
    Way,
)
from tracker.models.actors import Actor, ActorAlias, ActorSuccession, ForumSeat, ForumSeatActor
from tracker.models.audit import AuditDetails, AuditEvent, AuditHead
from tracker.models.installation import Installation
from tracker.models.mail import SIGNING_IN, DeliveryAttempt, OutgoingEmail
from tracker.models.meetings import Meeting
from tracker.models.reminders import AnswerLink, Reminder, ReminderRule, ReminderRun, Snooze
from tracker.models.sources import ContextNote, Source, TimelineEntry
from tracker.models.submissions import Submission
from tracker.models.tasks import Task, TaskContext, TaskContributor, TaskGoal
from tracker.models.updates import DeadlineChange, Evidence, StatusUpdate

__all__ = [
    "SIGNING_IN",
    "Absence",
    "Actor",
    "ActorAlias",
    "ActorSuccession",
    "AnswerLink",
    "Attempt",
    "AuditDetails",
    "AuditEvent",
    "AuditHead",
    "CalendarFeed",
    "ContextNote",
    "DeadlineChange",
    "DeclinedMail",
    "DeliveryAttempt",
    "Evidence",
    "ForumSeat",
    "ForumSeatActor",
    "Installation",
    "Meeting",
    "Membership",
    "OutgoingEmail",
    "Reminder",
    "ReminderRule",
    "ReminderRun",
    "SignInLink",
    "Snooze",
    "Source",
    "StatusUpdate",
    "Submission",
    "Task",
    "TaskContext",
    "TaskContributor",
    "TaskGoal",
    "TimelineEntry",
    "User",
    "UserSession",
    "Way",
]
