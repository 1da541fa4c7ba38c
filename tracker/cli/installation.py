"""`installation set`, `installation show`: what the installation says of itself."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from flask.cli import with_appcontext

from tracker.cli.common import Group, transaction
from tracker.domain import png
from tracker.domain.errors import InvalidError
from tracker.domain.identity import Identity
from tracker.i18n import use_locale
from tracker.services import installation as service
from tracker.web.errors import explanation

OPTIONS = {
    "name": "name",
    "purpose": "purpose_nb",
    "purpose-nn": "purpose_nn",
    "purpose-en": "purpose_en",
    "forum": "forum_nb",
    "forum-nn": "forum_nn",
    "forum-en": "forum_en",
    "contact": "contact",
    "privacy-url": "privacy_url",
    "accessibility-url": "accessibility_url",
}
"""The field behind each option; a plain one is in bokmål."""


@click.group(cls=Group)
def installation() -> None:
    """Say what the installation is called and who is behind it, or show it."""


@installation.command("set")
@click.option("--name", help="At the top of every page, and as the sender of mails.")
@click.option("--purpose", "purpose_nb", help="What is followed up, one sentence in bokmål.")
@click.option("--purpose-nn", help="The same in nynorsk.")
@click.option("--purpose-en", help="The same in English.")
@click.option("--forum", "forum_nb", help="Who reads the answers, as in mid-sentence, in bokmål.")
@click.option("--forum-nn", help="The same in nynorsk.")
@click.option("--forum-en", help="The same in English.")
@click.option("--contact", help="An e-mail address or an https address.")
@click.option("--privacy-url", help="Your own privacy statement, https.")
@click.option("--accessibility-url", help="Your own accessibility statement, https.")
@click.option(
    "--logo",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A PNG of at most 200 kB.",
)
@click.option("--no-logo", is_flag=True, help="Show no logo any more.")
@with_appcontext
def set_(*, logo: Path | None, no_logo: bool, **given: str | None) -> None:
    """Change what is given and leave the rest; an empty text goes back to neutral words."""
    values = {field: text for field, text in given.items() if text is not None}
    if not values and logo is None and not no_logo:
        raise click.ClickException("Nothing to change. See: installation set --help")
    if logo is not None and no_logo:
        raise click.ClickException("Choose --logo or --no-logo.")
    with transaction(write=True) as (session, _now):
        try:
            identity = service.describe(session, by=None, values=values)
            if logo is not None or no_logo:
                content = _read(logo) if logo else None
                identity = service.set_logo(session, by=None, content=content)
        except InvalidError as error:
            raise click.ClickException(f"{_option(error.field)}: {_reason(error)}") from error
    _tell(identity)


@installation.command()
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
@with_appcontext
def show(*, as_json: bool) -> None:
    """Show what is set."""
    with transaction(write=False) as (session, _now):
        identity = service.about(session).identity
    if as_json:
        click.echo(json.dumps(asdict(identity), ensure_ascii=False, indent=1))
    else:
        _tell(identity)


def _read(logo: Path) -> bytes:
    """Return no more of the file than says that it is too large."""
    with logo.open("rb") as file:
        return file.read(png.LARGEST + 1)


def _tell(identity: Identity) -> None:
    for option, field in OPTIONS.items():
        click.echo(f"{option}\t{getattr(identity, field) or '-'}")
    size = f"{identity.logo_width} × {identity.logo_height}" if identity.logo_version else "-"
    click.echo(f"logo\t{size}")


def _option(field: str) -> str:
    names = {column: option for option, column in OPTIONS.items()}
    return f"--{names.get(field, field)}"


def _reason(error: InvalidError) -> str:
    # As all commands do, whatever language the installation has for people.
    with use_locale("en"):
        return explanation(error)
