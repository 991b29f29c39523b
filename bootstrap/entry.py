"""The `headstart` program, isolated from what surrounds its Python before anything is imported.

Whoever calls it may have set a PYTHONPATH for other work, or have packages of their own in a user's
site: a `typer.py` there is not ours. Nothing here imports more than Python itself has loaded.
"""

import gc
import os
import sys

_PACKAGE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib is an import
_ROOT = os.path.dirname(_PACKAGE)  # noqa: PTH120
# By it the launcher of a framework build on a Mac tells one Python, and no other, where it is.
_OF_LAUNCHER = "__PYVENV_LAUNCHER__"
_OBJECTS = 50_000  # between two collections: what is imported, a twelfth of the time, is no garbage
_MISLEADING = ("PYTHONPATH", "PYTHONHOME", "PYTHONPLATLIBDIR", "PYTHONCASEOK")


def main() -> None:
    """Run the command line, in a Python that takes nothing from its surroundings."""
    _fill_closed_streams()
    _leave_current_folder()
    os.environ.pop(_OF_LAUNCHER, None)
    if not sys.flags.isolated and _is_misled():
        options = [f"-X{name if on is True else f'{name}={on}'}" for name, on in _x_options()]
        isolated = [sys.executable, "-I", *options, __file__, *sys.argv[1:]]
        os.execv(sys.executable, isolated)  # noqa: S606
    gc.set_threshold(_OBJECTS)
    from bootstrap import cli  # noqa: PLC0415 - not before this

    try:
        cli.main()
    finally:
        gc.freeze()  # or Python would look through all of it again, to free it one by one


def _x_options() -> list[tuple[str, str | bool]]:
    return list(sys._xoptions.items())  # noqa: SLF001 - documented, in spite of its name


def _fill_closed_streams() -> None:
    """A file that is opened while 0, 1 or 2 is closed would take its number, and others' output."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _leave_current_folder() -> None:
    """`python -m bootstrap` looks for every import in the current folder first."""
    if sys.argv[0].startswith(_PACKAGE) and sys.path and sys.path[0] != _ROOT:
        is_current = sys.path[0] == "" or sys.path[0] == _current()
        del sys.path[:is_current]


def _current() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109
    except OSError:
        return None  # it has been deleted


def _is_misled() -> bool:
    """A user's site counts where it is one, unless Headstart itself was installed there."""
    if any(os.environ.get(name) for name in _MISLEADING):
        return True
    site = sys.modules.get("site")
    folder = getattr(site, "USER_SITE", None) or ""
    return folder in sys.path and folder != _ROOT


if __name__ == "__main__":
    if _ROOT not in sys.path:
        sys.path.insert(0, _ROOT)
    main()
