"""A machine as docs/operations.md sets it up, in a folder: its settings, its places, its processes.

Commands run as the page shows them, with the test's places, database and users instead.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, make_url

from config import Settings
from tests import databases
from tests.client import Clock
from tests.conftest import make_app
from tests.smtp_server import SmtpServer
from tracker.db import Database
from tracker.mail.smtp import SmtpSender
from tracker.services import audit, delivery
from tracker.services.delivery import Counts

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
PAGE: Final = (ROOT / "docs" / "operations.md").read_text()
SECONDS: Final = 60
"""After so many a process that has not done what it should counts as broken."""
KEY: Final = "the key of one installation of the tests"


def commands(heading: str) -> list[str]:
    """Return the first commands that the page shows under a heading, or after words in bold."""
    begins = rf"^(?:#+ |\*\*){re.escape(heading)}"
    found = re.search(rf"{begins}.*?^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/operations.md shows no commands under {heading}"
    return found[1].splitlines()


@dataclass
class Machine:
    """One machine with its database; `server` is the mail server of its settings."""

    folder: Path
    url: str
    server: SmtpServer
    process: subprocess.Popen[bytes] | None = None
    said: str = ""
    port: int = 0

    def __post_init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        for name in ("backups", "etc", "bin"):
            (self.folder / name).mkdir()
        example = (DEPLOY / "tracker.env.example").read_text()
        key = f"TRACKER_SECRET_KEY='{KEY}'\n" if self.on_postgresql else ""
        smtp = f"smtp://127.0.0.1:{self.server.settings.port}?starttls=off"
        for name, value in (("DATABASE_URL", self.url), ("SMTP_URL", smtp)):
            example = re.sub(f"(?m)^(TRACKER_{name})=.*", rf"\1='{value}'", example)
        self.settings_file.write_text(example + key)
        assert self.settings.secret_key, "the first command makes one"
        command = self.folder / "bin" / "tracker"
        # Nobody is somebody else here.
        as_we_are = (DEPLOY / "tracker").read_text().replace('[ "$(id -u)" = 0 ]', "false")
        command.write_text(self.here(as_we_are))
        command.chmod(0o755)

    @property
    def on_postgresql(self) -> bool:
        return self.url.startswith("postgresql")

    @property
    def settings_file(self) -> Path:
        return self.folder / "etc" / "tracker.env"

    @property
    def settings(self) -> Settings:
        """What the settings file says by now."""
        return Settings.from_env(self._settings())

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Give the machine's database as it is by now."""
        database = Database(self.url, before_commit=audit.write_pending)
        try:
            yield database
        finally:
            database.dispose()

    def deliver(self, at: dt.datetime) -> Counts:
        """Send what is due at a time, as a process that has just been started would."""
        with self.database() as database:
            sender = SmtpSender(self.server.settings, timeout=5)
            counts = delivery.deliver_due(database, sender, settings=self.settings, now=Clock(at))
            sender.close()
        return counts

    def status_of(self, path: str, at: dt.datetime) -> int:
        """Return what somebody who opens `path` is answered with."""
        with self.database() as database:
            app = make_app(replace(self.settings, smtp=None), database, Clock(at))
            return app.test_client().get(path).status_code

    def here(self, text: str) -> str:
        """Return what stands on the page with the places, database and users of this machine."""
        url = make_url(self.url)
        instead = {
            "/var/lib/tracker": str(self.folder),
            "/var/backups/tracker": str(self.folder / "backups"),
            "/etc/tracker": str(self.folder / "etc"),
            "/opt/tracker/.venv/bin/python": sys.executable,
            "/opt/tracker/.venv/bin/flask": f"{sys.executable} -m flask",
            "/opt/tracker": str(ROOT),
            "runuser -u tracker -- ": "",
            "runuser -u postgres -- ": "",
            "-o tracker -g tracker ": "",
            "--owner=tracker": f"--owner={url.username}",
            "tracker-2026-11-24T074500": self._last_backup(),
        }
        if self.on_postgresql:
            instead["followup"] = str(url.database)
        for there, here in instead.items():
            text = text.replace(there, here)
        return text

    def run(self, lines: list[str]) -> str:
        """Run commands of the page, which must succeed; return what they print."""
        done = self.try_to_run(lines)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def try_to_run(self, lines: list[str]) -> subprocess.CompletedProcess[str]:
        """Run commands of the page up to the first that fails; nothing of `systemctl` is here."""
        script = "\n".join(self.here(line) for line in lines if not line.startswith("systemctl "))
        return self._run(["sh", "-euc", script], self._environment())

    def _run(
        self, command: list[str], environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True,
            timeout=SECONDS, check=False,
        )  # fmt: skip

    def follow(self, lines: list[str]) -> None:
        """Do what the page says in its order, with its units; what is installed stays."""
        for line in lines:
            match shlex.split(line, comments=True):
                case ["systemctl", "stop", *_]:
                    self.stop()
                case ["systemctl", "start", "tracker-backup"]:
                    self.back_up()
                case ["systemctl", "start", unit]:
                    self.start(unit)
                case ["systemctl", "daemon-reload"] | ["git" | "cp", *_] | [_, "install", *_]:
                    pass
                case _:
                    self.run([line])

    def back_up(self) -> None:
        """Do what the backup's unit does."""
        command = shlex.split(self.here(self.unit("tracker-backup")["ExecStart"]))
        done = self._run(command, self._environment() | self._settings())
        assert done.returncode == 0, done.stderr
        assert all(Path(path).stat().st_mode & 0o077 == 0 for path in done.stdout.split())

    def unit(self, name: str) -> dict[str, str]:
        """Return the settings of a systemd unit."""
        lines = (DEPLOY / f"{name}.service").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if re.match(r"\w+=", line))

    def start(self, name: str) -> None:
        """Start the process of a unit, on a port of its own."""
        command = shlex.split(self.here(self.unit(name)["ExecStart"]))
        environment = self._environment() | self._settings()
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port)], cwd=ROOT, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def wait_for(self, words: str) -> None:
        """Read what the process says until it has said `words`."""
        assert self.process
        assert self.process.stdout
        deadline = time.monotonic() + SECONDS
        while words not in self.said:
            left = max(deadline - time.monotonic(), 0)
            ready, _, _ = select.select([self.process.stdout], [], [], left)
            chunk = os.read(self.process.stdout.fileno(), 65536).decode() if ready else ""
            assert chunk, f"said {self.said!r} and not {words!r}"
            self.said += chunk

    def stop(self) -> None:
        """End the process as systemd does with KillMode=mixed: the first one is told."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            rest, _ = self.process.communicate(timeout=SECONDS)
            self.said += rest.decode()
            assert self.process.returncode == 0, self.said
            self.process = None

    def remove(self) -> None:
        """End what a failed test has left, with all that a restore puts aside."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()
        if self.on_postgresql:
            name = make_url(self.url).database
            self.as_administrator(f"DROP DATABASE IF EXISTS {name}_broken WITH (FORCE)")

    def destroy(self) -> None:
        """Lose the database."""
        if self.on_postgresql:
            with self.database() as database, database.engine.begin() as connection:
                connection.exec_driver_sql("DROP TABLE outgoing_emails, reminders CASCADE")
            return
        for file in self.folder.glob("tracker.*"):
            file.write_bytes(b"\0" * 4096)

    def as_administrator(self, statement: str) -> None:
        url = make_url(self.url).set(database="postgres")
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()

    def _last_backup(self) -> str:
        found = sorted((self.folder / "backups").glob("tracker-*"))
        return found[-1].stem if found else "no backup"

    def _settings(self) -> dict[str, str]:
        """Return what systemd takes from the settings file."""
        words = shlex.split(self.settings_file.read_text(), comments=True)
        return dict(word.split("=", 1) for word in words)

    def _environment(self) -> dict[str, str]:
        """Return what a shell has: the commands of the page, and how to reach PostgreSQL."""
        inherited = {name: value for name, value in os.environ.items() if "TRACKER_" not in name}
        path = [str(self.folder / "bin"), inherited["PATH"]]
        where: dict[str, str] = {"PYTHONUNBUFFERED": "1"}
        if self.on_postgresql:
            path.insert(1, str(Path(databases._binary("pg_dump")).parent))
            url = make_url(self.url)
            known = {
                "PGHOST": url.query.get("host") or url.host,
                "PGPORT": url.port,
                "PGUSER": url.username,
                "PGPASSWORD": url.password,
                "PGDATABASE": "postgres",
            }
            where |= {name: str(value) for name, value in known.items() if value}
        return inherited | where | {"PATH": ":".join(path)}
