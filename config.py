"""The settings: read from the environment once, refused by name when wrong. A leaf."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path
from typing import Final, Literal, NoReturn, cast, get_args
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

import addresses

PREFIX: Final = "TRACKER_"
HOST: Final = re.compile(r"[\w.:-]+")
DEFAULT_DATABASE_URL: Final = f"sqlite:///{Path(__file__).parent / 'instance' / 'tracker.db'}"
SHORTEST_SECRET_KEY: Final = 16
# What is put between + and @ of the address for reports takes the rest of a local part's 64.
LONGEST_BOUNCE_LOCAL_PART: Final = 32
# Clocks are moved between two and three; a slot there would be passed twice or never.
CLOCK_CHANGE: Final = (dt.time(2), dt.time(3))
# Påskeuke, fellesferie and romjul, as tracker.domain.calendar knows them.
PERIODS: Final = frozenset({"easter_week", "summer", "romjul"})

Locale = Literal["nb", "nn", "en"]
StartTls = Literal["required", "optional", "off"]


class SettingError(click.ClickException):
    """A setting that cannot be used; a command shows it as one line that names the setting."""

    def __init__(self, name: str, message: str) -> None:
        """Take the environment variable's name and what is wrong with its value."""
        super().__init__(f"{name}: {message}")
        self.name = name


@dataclass(frozen=True)
class SmtpSettings:
    """The mail server. `tls` is `implicit` (smtps) or how STARTTLS is used."""

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: Literal["implicit"] | StartTls = "required"

    @property
    def is_local(self) -> bool:
        """Say whether the server is this machine."""
        return is_loopback(self.host)


@dataclass(frozen=True)
class ClosedDays:
    """Days on which nothing is sent, besides weekends and public holidays."""

    recurring: frozenset[tuple[int, int]] = frozenset()
    """Month and day of each year."""
    single: frozenset[dt.date] = frozenset()
    periods: frozenset[str] = frozenset()
    """Of `PERIODS`."""


@dataclass(frozen=True)
class Settings:
    """What an installation decides; the README describes each setting."""

    database_url: str = field(repr=False)
    secret_key: str = field(repr=False)
    smtp: SmtpSettings | None = None
    mail_from: str = "tracker@localhost"
    reply_to: str | None = None
    bounce_address: str | None = None
    """Where delivery reports go, with a signed part of its own for each mail before the @."""
    base_url: str = "http://127.0.0.1:8000"
    timezone: str = "Europe/Oslo"
    locale: Locale = "nb"
    slots: tuple[dt.time, ...] = (dt.time(7),)
    closed_days: ClosedDays = ClosedDays(recurring=frozenset({(12, 24), (12, 31)}))

    heartbeat_url: str | None = field(default=None, repr=False)
    """Called after each good run, so that a watcher outside notices when they stop."""
    proxies: int = 0
    """How many reverse proxies of one's own stand in front and add X-Forwarded headers."""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings from `env` (as `os.environ`); an empty value counts as unset.

        With SQLite and no key in `env`, the key is read from a file beside the database, which
        is made the first time. Raises SettingError.
        """
        read = _Reader(env)
        url = read.database_url()
        base = read.base_url()
        return cls(
            database_url=url.render_as_string(hide_password=False),
            secret_key=read.secret_key(url),
            smtp=read.smtp(),
            mail_from=read.mailbox("MAIL_FROM") or _default_sender(base),
            reply_to=read.mailbox("REPLY_TO"),
            bounce_address=read.bounce_address(),
            base_url=base.geturl(),
            timezone=read.timezone(),
            locale=read.locale(),
            slots=read.slots(),
            closed_days=read.closed_days(),
            heartbeat_url=read.heartbeat_url(),
            proxies=read.proxies(),
        )

    @property
    def is_secure(self) -> bool:
        """Say whether people reach the product over https, so that cookies must be Secure."""
        return self.base_url.startswith("https://")

    @property
    def is_local(self) -> bool:
        """Say whether only this machine can reach the product at its base address."""
        return is_loopback(urlsplit(self.base_url).hostname or "")


def is_loopback(host: str) -> bool:
    """Say whether `host` (name or IP address) is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class _Reader:
    """One method per setting; each gives a valid value or raises SettingError."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def _get(self, name: str, default: str = "") -> str:
        text = self._env.get(PREFIX + name, "").strip()
        try:
            text.encode()
        except UnicodeEncodeError:
            # So the environment holds bytes that are no UTF-8.
            self._refuse(name, "is not written in UTF-8")
        return text or default

    @staticmethod
    def _refuse(name: str, message: str) -> NoReturn:
        raise SettingError(PREFIX + name, message)

    def database_url(self) -> URL:
        text = self._get("DATABASE_URL", DEFAULT_DATABASE_URL)
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            self._refuse("DATABASE_URL", "is not an address such as sqlite:////path/tracker.db")
        if url.drivername in {"postgres", "postgresql", "postgresql+psycopg"}:
            return url.set(drivername="postgresql+psycopg")
        if url.drivername not in {"sqlite", "sqlite+pysqlite"}:
            self._refuse("DATABASE_URL", "must start with sqlite:// or postgresql://")
        if url.database in {None, "", ":memory:"}:
            self._refuse("DATABASE_URL", "names no file; a database in memory would be lost")
        file = Path(str(url.database))
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            usable = os.access(file if file.exists() else file.parent, os.R_OK | os.W_OK)
        except OSError:
            usable = False
        if not usable:
            self._refuse("DATABASE_URL", f"cannot write to {file}")
        return url

    def secret_key(self, database: URL) -> str:
        key = self._get("SECRET_KEY")
        if key and len(key) < SHORTEST_SECRET_KEY:
            self._refuse("SECRET_KEY", f"must have at least {SHORTEST_SECRET_KEY} characters")
        if key:
            return key
        if database.get_backend_name() == "postgresql":
            self._refuse("SECRET_KEY", "must be set, the same on every host, with PostgreSQL")
        path = Path(str(database.database)).with_suffix(".key")
        try:
            key = _kept_key(path)
        except OSError:
            self._refuse("SECRET_KEY", f"is not set and cannot be kept in {path}")
        if len(key) < SHORTEST_SECRET_KEY:
            self._refuse("SECRET_KEY", f"is not set, and {path} holds no key; remove that file")
        return key

    def smtp(self) -> SmtpSettings | None:
        text = self._get("SMTP_URL")
        if not text:
            return None
        url, port = self._split("SMTP_URL", text, schemes=("smtp", "smtps"))
        query = parse_qs(url.query, keep_blank_values=True)
        if set(query) - {"starttls"} or url.path.strip("/"):
            self._refuse("SMTP_URL", "takes only ?starttls=required, optional or off")
        host = self._host("SMTP_URL", url)
        user = self._unquoted("SMTP_URL", url.username)
        password = self._unquoted("SMTP_URL", url.password)
        if bool(user) != bool(password):
            self._refuse("SMTP_URL", "needs both a user and a password, or neither")
        if url.scheme == "smtps":
            if query:
                self._refuse("SMTP_URL", "smtps:// is encrypted from the start; leave out starttls")
            return SmtpSettings(host, port or 465, user, password, "implicit")
        # A password leaves this machine encrypted unless the installation says otherwise.
        default = "required" if user and not is_loopback(host) else "optional"
        starttls = query.get("starttls", [default])[-1]
        if starttls not in get_args(StartTls):
            self._refuse("SMTP_URL", "starttls must be required, optional or off")
        return SmtpSettings(
            host, port or (587 if user else 25), user, password, cast("StartTls", starttls)
        )

    def base_url(self) -> SplitResult:
        text = self._get("BASE_URL", Settings.base_url)
        url, _ = self._split("BASE_URL", text, schemes=("http", "https"))
        if url.path.strip("/") or url.query or url.fragment or url.username:
            self._refuse("BASE_URL", "must end after the host and port")
        self._host("BASE_URL", url)
        return url._replace(path="")

    def _host(self, name: str, url: SplitResult) -> str:
        """Return the host as the DNS knows it."""
        try:
            return addresses.ascii_host(url.hostname or "")
        except addresses.AddressError:
            self._refuse(name, "names a host that cannot exist")

    def _unquoted(self, name: str, text: str | None) -> str | None:
        """Return a user or a password as it was before its signs were written as %xx."""
        if not text:
            return None
        try:
            found = unquote(text, errors="strict")
        except UnicodeDecodeError:
            self._refuse(name, "has letters in user or password that are not %xx of UTF-8")
        if not found.isprintable():
            self._refuse(name, "has a control character in user or password")
        return found

    def _split(
        self, name: str, text: str, *, schemes: tuple[str, ...]
    ) -> tuple[SplitResult, int | None]:
        try:
            url = urlsplit(text)
            port = url.port
        except ValueError:
            self._refuse(name, "is not a valid address")
        if url.scheme not in schemes or not HOST.fullmatch(url.hostname or ""):
            self._refuse(name, f"must look like {schemes[0]}://host:port or {schemes[1]}://…")
        return url, port

    def mailbox(self, name: str) -> str | None:
        text = self._get(name)
        if not text:
            return None
        text = addresses.without_invisible(text)
        if not text.isprintable():
            self._refuse(name, "must be an e-mail address, or: Name <address>")
        try:
            addresses.read(parseaddr(text)[1])
        except addresses.AddressError as error:
            self._refuse(name, f"must be an e-mail address, or: Name <address>. {error}")
        return text

    def bounce_address(self) -> str | None:
        text = self.mailbox("BOUNCE_ADDRESS")
        if not text:
            return None
        local = text.partition("@")[0]
        if text != parseaddr(text)[1] or "+" in local or len(local) > LONGEST_BOUNCE_LOCAL_PART:
            self._refuse(
                "BOUNCE_ADDRESS",
                "must be an address alone; before the @ no + and at most "
                f"{LONGEST_BOUNCE_LOCAL_PART} signs",
            )
        return text

    def timezone(self) -> str:
        name = self._get("TIMEZONE", Settings.timezone)
        try:
            return ZoneInfo(name).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self._refuse("TIMEZONE", "is not a time zone such as Europe/Oslo")

    def locale(self) -> Locale:
        locale = self._get("LOCALE", Settings.locale)
        if locale not in get_args(Locale):
            self._refuse("LOCALE", "must be nb, nn or en")
        return cast("Locale", locale)

    def slots(self) -> tuple[dt.time, ...]:
        slots: set[dt.time] = set()
        for text in self._get("SLOTS", "07:00").split(","):
            try:
                slot = dt.datetime.strptime(text.strip(), "%H:%M").time()  # noqa: DTZ007 - local
            except ValueError:
                self._refuse("SLOTS", "must be times such as 07:00 or 07:00,12:00")
            if CLOCK_CHANGE[0] <= slot < CLOCK_CHANGE[1]:
                self._refuse("SLOTS", "must not lie between 02:00 and 03:00, when clocks change")
            slots.add(slot)
        return tuple(sorted(slots))

    def heartbeat_url(self) -> str | None:
        text = self._get("HEARTBEAT_URL")
        if text:
            self._split("HEARTBEAT_URL", text, schemes=("https", "http"))
            if not text.isascii() or not text.isprintable() or " " in text:
                self._refuse("HEARTBEAT_URL", "holds characters that no address has")
        return text or None

    def proxies(self) -> int:
        text = self._get("PROXIES", "0")
        if text not in {"0", "1", "2", "3"}:
            self._refuse("PROXIES", "must be the number of own reverse proxies in front: 0 to 3")
        return int(text)

    def closed_days(self) -> ClosedDays:
        recurring: set[tuple[int, int]] = set()
        single: set[dt.date] = set()
        periods: set[str] = set()
        for text in self._get("CLOSED_DAYS", "12-24,12-31").split(","):
            day = text.strip()
            try:
                if day in PERIODS:
                    periods.add(day)
                elif len(day) == len("12-24"):
                    # A leap year, so that 02-29 is a day.
                    date = dt.date.fromisoformat(f"2024-{day}")
                    recurring.add((date.month, date.day))
                else:
                    single.add(dt.date.fromisoformat(day))
            except ValueError:
                names = ", ".join(sorted(PERIODS))
                self._refuse(
                    "CLOSED_DAYS", f"must be of 12-24, 2026-05-15 and {names}, with commas"
                )
        return ClosedDays(frozenset(recurring), frozenset(single), frozenset(periods))


def _default_sender(base: SplitResult) -> str:
    host = base.hostname or "localhost"
    return Settings.mail_from if is_loopback(host) else f"tracker@{host}"


def _kept_key(path: Path) -> str:
    """Return the key in `path`, which only its owner may read; make it the first time."""
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with open(draft, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(secrets.token_urlsafe(48))
        try:
            # A link fails where a second process was first, so both use one key.
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
