# ruff: noqa: INP001 - a script for the system, not a package
"""Write a backup of the database that TRACKER_DATABASE_URL names into a folder: backup.py FOLDER.

The product may go on working meanwhile. A SQLite file is copied together with the secret key that
lies beside it, without which the links in mails already sent would stop working. PostgreSQL needs
pg_dump, of the server's version or newer. Exit code 0 means that a whole backup lies in the folder.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, make_url


def main(folder: Path) -> None:
    """Write the backup under a name with the time, and say where it lies."""
    os.umask(0o077)
    url = make_url(os.environ["TRACKER_DATABASE_URL"])
    target = folder / time.strftime("tracker-%Y-%m-%dT%H%M%S")
    if url.get_backend_name() == "sqlite":
        written = _sqlite(Path(url.database or ""), target)
    else:
        written = _postgresql(url, target.with_suffix(".dump"))
    sys.stdout.write("".join(f"{path}\n" for path in written))


def _sqlite(database: Path, target: Path) -> list[Path]:
    copy, unfinished = target.with_suffix(".db"), target.with_suffix(".unfinished")
    address = f"{database.absolute().as_uri()}?mode=rw"
    with (
        closing(sqlite3.connect(address, uri=True)) as source,
        closing(sqlite3.connect(unfinished)) as made,
    ):
        source.backup(made)
        found = made.execute("PRAGMA integrity_check").fetchall()
        if found != [("ok",)]:
            sys.exit(f"The copy is damaged: {found[0][0]}")
        # Else opening the copy would make two more files beside it.
        made.execute("PRAGMA journal_mode=DELETE")
    unfinished.rename(copy)
    key = database.with_suffix(".key")
    return [copy, *([_copied(key, target.with_suffix(".key"))] if key.exists() else [])]


def _copied(file: Path, to: Path) -> Path:
    shutil.copyfile(file, to)
    return to


def _postgresql(url: URL, target: Path) -> list[Path]:
    # Other users of this machine can read a command line, and not this process's environment.
    environment = os.environ | ({"PGPASSWORD": str(url.password)} if url.password else {})
    address = url.set(drivername="postgresql", password=None).render_as_string()
    unfinished = target.with_suffix(".unfinished")
    command = ["pg_dump", "--format=custom", f"--file={unfinished}", f"--dbname={address}"]
    done = subprocess.run(command, env=environment, check=False)  # noqa: S603 - no shell
    if done.returncode:
        sys.exit(f"pg_dump failed with exit code {done.returncode}")
    unfinished.rename(target)
    return [target]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
