"""Real mail servers in a guest, set up as docs/operations.md says."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tests.integration.operating import commands
from tests.recipes.guest import Guest, guest, set_up, wait_until
from tests.recipes.page import files

OURS: Final = "oppfolging@example.no"
MAILBOX: Final = "sekretariatet"
SQL: Final = """
import sqlite3, sys
database = sqlite3.connect("/var/lib/tracker/tracker.db")
print(database.execute(sys.argv[1], sys.argv[2:]).fetchone()[0])
"""
POSTFIX: Final = {
    "myhostname": "mail.example.no",
    "myorigin": "example.no",
    "mydestination": "example.no, mail.example.no, localhost",
    # The tests come from outside, as reports do.
    "mynetworks": "192.0.2.0/24",
    "inet_interfaces": "loopback-only",
    "maillog_file": "/var/log/mail.log",
}
EXIM: Final = {
    "dc_eximconfig_configtype": "internet",
    "dc_other_hostnames": "example.no",
    "dc_use_split_config": "true",
}
DELIVERED_BY: Final = {
    "postfix": "",
    "procmail": "/usr/bin/procmail",
    "sieve": '/usr/lib/dovecot/dovecot-lda -f "$SENDER" -a "$RECIPIENT"',
}
DOVECOT: Final = """
ssl = no
log_path = /tmp/dovecot.log
mail_location = mbox:~/mail:INBOX=/var/mail/%u
mbox_write_locks = fcntl
protocol lda {
  mail_plugins = $mail_plugins sieve
}
"""


class _Smtp(smtplib.SMTP):
    """A client in the guest's network."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        super().__init__("127.0.0.1", 25)

    def _get_socket(self, _host: str, port: int, _timeout: float | None) -> socket.socket:
        return self.guest.connect(port)


@dataclass
class MailServer:
    """A mail server that is running, for example.no."""

    guest: Guest
    name: str
    log: str
    queue: tuple[str, ...]
    again: tuple[str, ...]
    deferred: str
    """What the log says when a command has ended with 75."""

    def receive(self, sender: str, mail: bytes) -> None:
        """Let a mail for our address come in by SMTP."""
        with _Smtp(self.guest) as client:
            assert client.sendmail(sender, [OURS], mail) == {}

    def mailbox(self, user: str) -> str:
        return self.guest.read(f"/var/mail/{user}")

    def is_idle(self) -> bool:
        """Say whether no mail is left in the queue."""
        said = self.guest.run(*self.queue).strip()
        return said in {"", "Mail queue is empty"}

    def times_deferred(self) -> int:
        return self.guest.read(self.log).count(self.deferred)

    def wait_until_it_is_idle(self) -> None:
        wait_until(self.is_idle, f"the queue is empty: {self.guest.read(self.log)}")

    def send_mail_out(self, address: str) -> str:
        """Let the product send a mail; return its Message-ID."""
        self.guest.run("tracker", "mail", "test", address)
        return self.ask("SELECT message_id FROM outgoing_emails WHERE to_address = ?", address)

    def state(self, message_id: str) -> str:
        return self.ask("SELECT state FROM outgoing_emails WHERE message_id = ?", message_id)

    def ask(self, statement: str, value: str) -> str:
        python = "/opt/tracker/.venv/bin/python"
        return self.guest.run(python, "-c", SQL, statement, value).strip()

    @contextmanager
    def without_database(self) -> Iterator[None]:
        """Let the settings name a database that nobody answers for."""
        kept, settings = "/etc/tracker/kept", "/etc/tracker/tracker.env"
        self.guest.run("cp", "-a", settings, kept)
        nobody = (
            "TRACKER_DATABASE_URL=postgresql://127.0.0.1:1/x\nTRACKER_SECRET_KEY=0123456789abcdef\n"
        )
        self.guest.write(settings, nobody, more=True)
        try:
            yield
        finally:
            self.guest.run("mv", kept, settings)

    @contextmanager
    def without_command(self) -> Iterator[None]:
        """Take away what the recipe runs, and let the server try for no longer than once."""
        command = "/usr/local/bin/tracker-bounces"
        self.guest.run("mv", command, f"{command}.away")
        if self.name != "exim":  # which gives up at once
            self.guest.do(["postconf -e maximal_queue_lifetime=0", "postfix reload"])
        try:
            yield
        finally:
            self.guest.run("mv", f"{command}.away", command)


@contextmanager
def running(recipe: str) -> Iterator[MailServer]:
    """Give the server that a recipe is for, with the recipe in it."""
    with guest("exim4" if recipe == "exim" else "postfix") as made:
        set_up(made)
        for user in (MAILBOX, "person"):
            made.run("useradd", "--create-home", user)
        yield _exim(made) if recipe == "exim" else _postfix(made, recipe)


def _postfix(guest: Guest, recipe: str) -> MailServer:
    guest.run("postconf", "-e", *(f"{name}={value}" for name, value in POSTFIX.items()))
    guest.run("postconf", "-e", f"mailbox_command={DELIVERED_BY[recipe]}")
    shown = files("Postfix")
    if recipe != "postfix":
        shown["/etc/aliases"] = f"oppfolging: {MAILBOX}\n"
        _filter(guest, recipe)
    for path, text in shown.items():
        guest.write(path, text, more=True)
    guest.run("postfix", "start")
    guest.do(commands("Postfix"))
    return MailServer(
        guest, recipe, "/var/log/mail.log", ("mailq",), ("postqueue", "-f"),
        "status=deferred (temporary failure",
    )  # fmt: skip


def _filter(guest: Guest, recipe: str) -> None:
    name = {"procmail": ".procmailrc", "sieve": ".dovecot.sieve"}[recipe]
    path = f"/home/{MAILBOX}/{name}"
    guest.write(path, files("A filter of the mailbox")[name])
    guest.run("chown", f"{MAILBOX}:", path)
    guest.write("/etc/dovecot/local.conf", DOVECOT)
    # Dovecot's program runs as the user, who may write to a mailbox and not make one.
    guest.run(
        "install", "-o", MAILBOX, "-g", "mail", "-m", "660", "/dev/null", f"/var/mail/{MAILBOX}"
    )


def _exim(guest: Guest) -> MailServer:
    for name, value in EXIM.items():
        there = "/etc/exim4/update-exim4.conf.conf"
        guest.run("sed", "-i", f"s/^{name}=.*/{name}='{value}'/", there)
    guest.write("/etc/mailname", "example.no\n")
    for path, text in files("Exim").items():
        guest.write(path, text, more=path == "/etc/aliases")
    *before, last = commands("Exim")
    assert last == "systemctl reload exim4"
    guest.do([*before, "exim4 -bd"])
    return MailServer(
        guest, "exim", "/var/log/exim4/mainlog", ("exim4", "-bp"), ("exim4", "-qff"),
        "transport returned 75",
    )  # fmt: skip
