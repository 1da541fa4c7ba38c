from __future__ import annotations

import datetime as dt
import stat
from pathlib import Path

import pytest

from config import PERIODS, ClosedDays, SettingError, Settings, SmtpSettings, is_loopback
from tracker.domain.calendar import Period

KEY = {"TRACKER_SECRET_KEY": "k" * 32}


def read(**env: str) -> Settings:
    return Settings.from_env(KEY | {f"TRACKER_{name}": value for name, value in env.items()})


def test_everything_has_a_default_that_is_safe_on_one_machine() -> None:
    settings = read()
    assert settings.database_url.startswith("sqlite:///")
    assert settings.database_url.endswith("/instance/tracker.db")
    assert settings.base_url == "http://127.0.0.1:8000"
    assert settings.smtp is None
    assert settings.mail_from == "tracker@localhost"
    assert settings.reply_to is None
    assert (settings.timezone, settings.locale) == ("Europe/Oslo", "nb")
    assert settings.slots == (dt.time(7),)
    assert settings.is_local
    assert not settings.is_secure


def test_an_empty_value_counts_as_unset() -> None:
    assert read(LOCALE="", SMTP_URL=" ") == read()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_uses_psycopg_3(scheme: str) -> None:
    url = read(DATABASE_URL=f"{scheme}://me:p%40ss@db:5433/tracker").database_url
    assert url == "postgresql+psycopg://me:p%40ss@db:5433/tracker"


def test_secrets_do_not_show_in_the_representation() -> None:
    settings = read(
        DATABASE_URL="postgresql://me:databasepassword@db/tracker",
        SMTP_URL="smtp://me:smtppassword@mail.example",
    )
    for secret in ("databasepassword", "smtppassword", KEY["TRACKER_SECRET_KEY"]):
        assert secret not in repr(settings)


def test_postgresql_without_a_key_is_refused() -> None:
    with pytest.raises(SettingError, match=r"^TRACKER_SECRET_KEY: must be set"):
        Settings.from_env({"TRACKER_DATABASE_URL": "postgresql://db/tracker"})


def test_the_key_is_made_once_and_kept_for_its_owner_alone(tmp_path: Path) -> None:
    env = {"TRACKER_DATABASE_URL": f"sqlite:///{tmp_path}/instance/tracker.db"}
    first = Settings.from_env(env).secret_key
    assert len(first) >= 32
    assert Settings.from_env(env).secret_key == first
    files = list((tmp_path / "instance").iterdir())
    assert [file.name for file in files] == ["tracker.key"]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600


def test_a_file_without_a_key_signs_nothing(tmp_path: Path) -> None:
    (tmp_path / "tracker.key").write_text("\n")
    with pytest.raises(SettingError, match=rf"^TRACKER_SECRET_KEY: .*{tmp_path}/tracker.key"):
        Settings.from_env({"TRACKER_DATABASE_URL": f"sqlite:///{tmp_path}/tracker.db"})


@pytest.mark.parametrize("env", [{}, KEY], ids=["key to be made", "key given"])
def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "file").write_text("")
    url = {"TRACKER_DATABASE_URL": f"sqlite:///{tmp_path}/file/tracker.db"}
    with pytest.raises(SettingError, match=rf"^TRACKER_DATABASE_URL: .*{tmp_path}/file"):
        Settings.from_env(env | url)


@pytest.mark.parametrize(
    ("url", "smtp"),
    [
        ("smtp://mail.example", SmtpSettings("mail.example", 25, tls="optional")),
        ("smtp://127.0.0.1:1025", SmtpSettings("127.0.0.1", 1025, tls="optional")),
        ("smtp://[::1]:1025?starttls=off", SmtpSettings("::1", 1025, tls="off")),
        (
            "smtp://me%40ks:p%3Ass@mail.example",
            SmtpSettings("mail.example", 587, "me@ks", "p:ss", "required"),
        ),
        ("smtp://me:pw@localhost:2525", SmtpSettings("localhost", 2525, "me", "pw", "optional")),
        ("smtps://me:pw@mail.example", SmtpSettings("mail.example", 465, "me", "pw", "implicit")),
        (
            "smtp://p%C3%B8st:p%C3%A5ss@mail.straße.example",
            SmtpSettings("mail.xn--strae-oqa.example", 587, "pøst", "påss", "required"),
        ),
        ("smtp://m:25/?starttls=required", SmtpSettings("m", 25, tls="required")),
    ],
)
def test_the_mail_server_is_read_from_one_address(url: str, smtp: SmtpSettings) -> None:
    assert read(SMTP_URL=url).smtp == smtp


def test_the_sender_follows_the_base_address_until_it_is_set() -> None:
    assert read(BASE_URL="https://tracker.example").mail_from == "tracker@tracker.example"
    settings = read(MAIL_FROM="Sekretariatet <s@x.example>", REPLY_TO="post@x.example")
    assert settings.mail_from == "Sekretariatet <s@x.example>"
    assert settings.reply_to == "post@x.example"


def test_reports_go_to_an_address_of_their_own_where_it_is_set() -> None:
    assert read().bounce_address is None
    assert read(BOUNCE_ADDRESS="bounce@x.example").bounce_address == "bounce@x.example"


def test_what_nobody_sees_is_left_out_of_an_address() -> None:
    assert read(MAIL_FROM="KS <post@k\u00ads.example>\u200b").mail_from == "KS <post@ks.example>"


def test_the_base_address_loses_its_last_slash_and_tells_what_is_secure() -> None:
    settings = read(BASE_URL="https://tracker.example:8443/")
    assert settings.base_url == "https://tracker.example:8443"
    assert settings.is_secure
    assert not settings.is_local


def test_slots_are_sorted_and_single() -> None:
    assert read(SLOTS="12:30, 07:00,12:30").slots == (dt.time(7), dt.time(12, 30))


def test_closed_days_come_back_each_year_or_once_or_as_a_named_period() -> None:
    assert read().closed_days == ClosedDays(recurring=frozenset({(12, 24), (12, 31)}))
    assert read(CLOSED_DAYS="12-24, 2026-05-15,romjul").closed_days == ClosedDays(
        recurring=frozenset({(12, 24)}),
        single=frozenset({dt.date(2026, 5, 15)}),
        periods=frozenset({"romjul"}),
    )


def test_the_named_periods_are_those_of_the_calendar() -> None:
    assert {period.value for period in Period} == PERIODS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "mysql://db/tracker"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "postgresql://db:port/tracker"),
        ("SECRET_KEY", "short"),
        ("SMTP_URL", "mail.example"),
        ("SMTP_URL", "http://mail.example"),
        ("SMTP_URL", "smtp://"),
        ("SMTP_URL", "smtp://mail.example:99999"),
        ("SMTP_URL", "smtp://mail.example?starttls=maybe"),
        ("SMTP_URL", "smtp://mail.example?tls=on"),
        ("SMTP_URL", "smtp://me@mail.example"),
        ("SMTP_URL", "smtps://mail.example?starttls=off"),
        ("MAIL_FROM", "nobody"),
        ("MAIL_FROM", "a@b.example\nBcc: c@d.example"),
        ("MAIL_FROM", "ø@b.example"),
        ("MAIL_FROM", "a@☃.example"),
        ("MAIL_FROM", "a\udcf8@b.example"),
        ("BOUNCE_ADDRESS", "nobody"),
        ("BOUNCE_ADDRESS", "Name <a@b.example>"),
        ("BOUNCE_ADDRESS", "a+b@b.example"),
        ("BOUNCE_ADDRESS", "a" * 33 + "@b.example"),
        ("SMTP_URL", "smtp://me:p%F8@mail.example"),
        ("SMTP_URL", "smtp://me:p\udcf8@mail.example"),
        ("SMTP_URL", "smtp://me:p%0Aw@mail.example"),
        ("SMTP_URL", "smtp://mail.☃.example"),
        ("REPLY_TO", "@example"),
        ("BASE_URL", "tracker.example"),
        ("BASE_URL", "ftp://tracker.example"),
        ("BASE_URL", "https://tracker.example/path"),
        ("BASE_URL", "https://tracker example"),
        ("BASE_URL", "https://ⅷ͸.example"),
        ("BASE_URL", "https://tracker.example:port"),
        ("TIMEZONE", "Oslo"),
        ("TIMEZONE", "/etc/passwd"),
        ("LOCALE", "no"),
        ("SLOTS", "7"),
        ("SLOTS", "25:00"),
        ("SLOTS", "02:30"),
        ("PROXIES", "-1"),
        ("PROXIES", "many"),
        ("CLOSED_DAYS", "christmas"),
        ("CLOSED_DAYS", "12-32"),
        ("CLOSED_DAYS", "2026-02-29"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_with_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingError) as caught:
        read(**{name: value})
    assert str(caught.value).startswith(f"TRACKER_{name}: ")
    assert "\n" not in str(caught.value)
    assert caught.value.name == f"TRACKER_{name}"


@pytest.mark.parametrize(
    ("host", "local"), [("127.0.0.2", True), ("::1", True), ("LOCALHOST", True), ("a.no", False)]
)
def test_only_this_machine_is_loopback(host: str, local: bool) -> None:
    assert is_loopback(host) is local
