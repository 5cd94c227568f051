"""The command group: turns every error into one line and an exit code.

Exit codes (contract §3): 0 done; 2 usage or settings; 3 the gate blocks; 4 storage or catalogue
can't be reached; 1 anything else.

Belongs here: handling of errors. Doesn't belong here: commands.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import click

from orchestration.core.errors import TongbaoError

__all__ = ["Commands"]

_log = logging.getLogger(__name__)


class Commands(click.Group):
    """A command group that prints every error as one line and exits with its code."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["standalone_mode"] = False
        if sys.unraisablehook is sys.__unraisablehook__ and not os.environ.get("TONGBAO_DEBUG"):
            # Errors of destructors, e.g. of a workbook that a full disk cut off: the printed line
            # already names the cause.
            sys.unraisablehook = lambda each: _log.debug("in a destructor: %s", each.exc_value)
        try:
            code = super().main(*args, **kwargs)
            sys.exit(code if isinstance(code, int) else 0)
        except click.exceptions.Exit as exit_:
            sys.exit(exit_.exit_code)
        except click.Abort:
            click.echo("tongbao: stopped", err=True)
            sys.exit(1)
        except click.ClickException as error:
            context = getattr(error, "ctx", None)
            hint = f" (see '{context.command_path} --help')" if context else ""
            click.echo(f"tongbao: {error.format_message()}{hint}", err=True)
            sys.exit(2)
        except TongbaoError as error:
            for line in getattr(error, "lines", ()):
                click.echo(line, err=True)
            click.echo(f"tongbao: {error}", err=True)
            sys.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("tongbao: stopped", err=True)
            sys.exit(130)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except Exception as error:
            if os.environ.get("TONGBAO_DEBUG"):
                raise
            if isinstance(error, OSError) and error.filename:
                # A folder is missing, not writable or full.
                click.echo(f"tongbao: {error.filename}: {error.strerror}", err=True)
                sys.exit(1)
            first = " ".join(str(error).split())[:300]
            click.echo(
                f"tongbao: {type(error).__name__}: {first} (TONGBAO_DEBUG=1 shows the traceback)",
                err=True,
            )
            sys.exit(1)
