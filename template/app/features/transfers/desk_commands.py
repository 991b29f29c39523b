"""What `python -m app transfers` does."""

from __future__ import annotations

import sys
from argparse import Namespace

from sqlalchemy.exc import SQLAlchemyError

from app import modules
from app.core.database import Database
from app.core.logging import configure_logging
from app.features.transfers import incoming as of_imports
from app.features.transfers import settings
from app.features.transfers.incoming import desk_commands as incoming
from app.features.transfers.outgoing import desk_commands as outgoing
from app.settings import Settings

ACTIONS = outgoing.ACTIONS | incoming.ACTIONS


async def serve(arguments: Namespace, of_process: Settings) -> None:
    """Do what was asked for; exits with code 1 where that cannot be done."""
    settings.configure(of_process)
    of_imports.configure(of_process)
    # To standard error: what is asked for is alone on standard output.
    configure_logging(of_process.log_level, of_process.log_format)
    modules.load_models()
    database = Database(of_process.database_url)
    try:
        await ACTIONS[arguments.action](database, arguments)
    except SQLAlchemyError as error:
        sys.exit(f"The database has refused: {type(error).__name__}. Has it been migrated?")
    except OSError as error:
        sys.exit(f"{error.filename or 'The file'}: {error.strerror}")
    finally:
        await database.close()
