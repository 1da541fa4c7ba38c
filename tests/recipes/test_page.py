"""What the recipes of docs/operations.md name exists and fits; real programs run them in soak."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from tests.integration.operating import DEPLOY, PAGE, commands
from tests.recipes.page import files, section
from tracker import LARGEST_REQUEST

COMMAND = "/usr/local/bin/tracker-bounces"
REPORTS = "oppfolging-reports@reports.invalid"
WEB_SERVERS = {
    "nginx": "/etc/nginx/conf.d/tracker.conf",
    "Apache httpd": "/etc/apache2/sites-available/tracker.conf",
    "Caddy": "/etc/caddy/Caddyfile",
}
KEEPS_OUT = r"\^/\(([a-z/|-]+)\)/"


def aliases(heading: str) -> dict[str, set[str]]:
    shown = re.findall(r"^(\S+): (.+)$", files(heading)["/etc/aliases"], re.MULTILINE)
    return {name: set(to.split(", ")) for name, to in shown}


def test_postfix_knows_the_way_of_the_copy_from_the_alias_to_the_command() -> None:
    shown = files("Postfix")
    assert aliases("Postfix") == {
        "oppfolging": {"sekretariatet", "oppfolging-reports"},
        "oppfolging-reports": {REPORTS},
        "owner-oppfolging-reports": {"postmaster"},
    }
    setting, _, table = shown["/etc/postfix/main.cf"].strip().partition(" = hash:")
    assert setting == "transport_maps"
    domain, transport = shown[table].split()
    assert domain == REPORTS.partition("@")[2]
    name, kind, *columns = shown["/etc/postfix/master.cf"].split()
    assert (name, kind, columns[4:6]) == (transport.removesuffix(":"), "unix", ["1", "pipe"])
    assert columns[-2:] == ["user=tracker", f"argv={COMMAND}"]
    assert commands("Postfix") == ["newaliases", f"postmap {table}", "postfix reload"]


def test_exim_keeps_the_mail_and_runs_the_command_with_a_copy() -> None:
    shown = files("Exim")
    assert aliases("Exim") == {"oppfolging": {"sekretariatet"}}
    router = shown["/etc/exim4/conf.d/router/350_tracker_reports"]
    transport = shown["/etc/exim4/conf.d/transport/30_tracker_reports"]
    name = re.findall(r"^ *transport = (\w+)", router, re.MULTILINE)
    assert transport.startswith(f"{name[0]}:\n")
    assert {"  unseen", "  local_parts = oppfolging", "  errors_to = postmaster"} <= set(
        router.splitlines()
    )
    assert {f"  command = {COMMAND}", "  user = tracker"} <= set(transport.splitlines())


def test_filters_send_the_copy_where_postfix_hands_it_to_the_command() -> None:
    filters = files("A filter of the mailbox")
    assert set(filters) == {".procmailrc", ".dovecot.sieve"}
    for text in filters.values():
        assert re.findall(r"[\w-]+@[\w.]+", text) == [REPORTS]
        assert COMMAND not in text


def test_the_command_of_the_recipes_is_installed_by_the_page() -> None:
    assert (DEPLOY / "tracker-bounces").exists()
    (line,) = [line for line in commands("One machine") if "tracker-bounces" in line]
    assert line.startswith("install -m 755 ")
    assert line.endswith(" /usr/local/bin/")


@pytest.mark.parametrize("server", WEB_SERVERS)
def test_a_web_server_has_a_whole_recipe(server: str) -> None:
    shown = files(server)
    assert set(shown) == {WEB_SERVERS[server]}
    text = shown[WEB_SERVERS[server]]
    assert text.count("{") == text.count("}")
    opened, closed = (sorted(re.findall(tag, text)) for tag in (r"<(\w+)", r"</(\w+)"))
    assert opened == closed
    assert set(re.findall(r"127\.0\.0\.1:\d+", text)) == {"127.0.0.1:8000"}
    assert commands(server)[-1].startswith("systemctl reload ")


@pytest.mark.parametrize(
    ("server", "lines"),
    [
        ("nginx", ["client_body_timeout 10s;", "proxy_request_buffering on;"]),
        ("Apache httpd", ["SetInputFilter BUFFER", f"BufferSize {LARGEST_REQUEST}"]),
        ("Caddy", ["read_body 30s", "buffer_requests"]),
    ],
)
def test_a_web_server_takes_a_body_in_whole_and_waits_for_no_silent_sender(
    server: str, lines: list[str]
) -> None:
    shown = [line.strip() for line in files(server)[WEB_SERVERS[server]].splitlines()]
    assert [line for line in shown if line in lines] == lines


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@pytest.mark.parametrize("server", ["nginx", "Apache httpd"])
def test_each_address_that_lets_one_in_is_kept_out_of_the_logs(app: Flask, server: str) -> None:
    text = files(server)[WEB_SERVERS[server]]
    kept_out = {tuple(found.split("|")) for found in re.findall(KEEPS_OUT, text)}
    with_token = {
        rule.rule.partition("/<token>")[0].strip("/")
        for rule in app.url_map.iter_rules()
        if "token" in rule.arguments
    }
    assert [set(names) for names in kept_out] == [with_token]
    assert "http_referer" not in text
    assert "Referer" not in text


def test_every_recipe_is_one_that_soak_runs() -> None:
    headings = set(re.findall(r"^#### (.*)", PAGE, re.MULTILINE))
    assert headings == {*WEB_SERVERS, "Postfix", "Exim", "A filter of the mailbox"}
    assert all(files(heading) for heading in headings)
    assert "transport_maps" in section("Postfix")
