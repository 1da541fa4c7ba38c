"""`users create`, `users list`, `users login-link`: people, for whoever runs the installation."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from flask.cli import with_appcontext

from tracker.cli.common import Group, the_tracker, transaction
from tracker.domain.errors import NotFoundError
from tracker.domain.roles import Role
from tracker.i18n import LOCALES
from tracker.services import accounts, listings, sign_in


@click.group(cls=Group)
def users() -> None:
    """Let people in and list them."""


@users.command()
@click.argument("email")
@click.option("--name", required=True, help="As others shall see it.")
@click.option(
    "--actor", help="Name or abbreviation of the organisation; members and leads need one."
)
@click.option("--role", required=True, metavar="ROLE", help=f"One of {', '.join(Role)}.")
@click.option("--locale", metavar="LOCALE", help=f"One of {', '.join(LOCALES)}.")
@with_appcontext
def create(email: str, name: str, actor: str | None, role: str, locale: str | None) -> None:
    """Let the person with the address EMAIL in, with a first role."""
    settings = the_tracker().settings
    if role not in list(Role):
        raise click.ClickException(f"Unknown role: {role}. Known are {', '.join(Role)}.")
    if locale is not None and locale not in LOCALES:
        raise click.ClickException(f"Unknown language: {locale}. Known are {', '.join(LOCALES)}.")
    with transaction(write=True) as (session, now):
        try:
            actor_id = listings.actor_by_name(session, actor).id if actor else None
        except NotFoundError as error:
            known = ", ".join(error.details["known"]) or "none yet; run: seed"
            raise click.ClickException(f"Unknown actor: {actor}. Known are {known}.") from error
        user = accounts.create_user(
            session,
            email=email,
            name=name,
            actor_id=actor_id,
            role=Role(role),
            locale=locale or settings.locale,
            now=now,
        )
        is_admin_too = len(user.memberships) > 1
    click.echo(f"{user.name} <{user.email}> may sign in. For a link: users login-link {user.email}")
    if is_admin_too:
        click.echo("As the first person here, also administrator: lets in the others, at /people.")


@users.command("list")
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
@with_appcontext
def list_users(*, as_json: bool) -> None:
    """List everybody who may sign in, by address."""
    with transaction(write=False) as (session, _now):
        found = listings.users(session)
    if as_json:
        click.echo(json.dumps([asdict(user) for user in found], ensure_ascii=False, indent=1))
        return
    for user in found:
        roles = ", ".join(user.roles)
        click.echo("\t".join((user.email, user.name, user.actor or "", roles, user.locale)))


@users.command("login-link")
@click.argument("email")
@with_appcontext
def login_link(email: str) -> None:
    """Print a link that signs the person with the address EMAIL in, once, within a day."""
    base_url = the_tracker().settings.base_url
    with transaction(write=True) as (session, now):
        try:
            user = listings.user_by_email(session, email)
        except NotFoundError as error:
            raise click.ClickException(f"Nobody has the address {email}.") from error
        if not user.active:
            raise click.ClickException(f"{email} is deactivated and cannot sign in.")
        token = sign_in.hand_out_link(session, user=user, now=now)
    click.echo(f"{base_url}/sign-in/link/{token}")
