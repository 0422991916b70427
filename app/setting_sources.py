"""Where the text of a setting comes from: its variable, a file that another variable names, or the PG* variables."""

import codecs
from collections.abc import Mapping
from pathlib import Path

from app.errors import SetupError

#: A secret setting can also come from a file, whose path is in the variable with this suffix.
FILE_SUFFIX = "_FILE"
#: The URL of a server that the PG* variables name, and those of them that name a server; the others only complete one.
PG_VARIABLES_ONLY = "postgresql://"
PG_SERVERS = ("PGHOST", "PGHOSTADDR", "PGSERVICE")


def given_settings(variables: Mapping[str, tuple[str, bool]], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the text of each setting that *environ* gives; *variables* has its variable, and whether it is a secret.

    Without DATABASE_URL, the PG* variables of libpq may name the server. Raises SetupError for a text that is not
    UTF-8, and for a file that cannot be read.
    """
    texts = {setting: _text(name, environ, secret=secret) for setting, (name, secret) in variables.items()}
    given = {setting: text for setting, text in texts.items() if text}
    if "database_url" not in given and any(environ.get(name) for name in PG_SERVERS):
        given["database_url"] = PG_VARIABLES_ONLY
    return given


def _text(name: str, environ: Mapping[str, str], *, secret: bool) -> str:
    # A file of variables that an editor of Windows wrote leaves a carriage return behind each value.
    text = environ.get(name, "").rstrip("\r\n")
    file = f"{name}{FILE_SUFFIX}"
    if secret and (path := environ.get(file)):
        if text:
            raise SetupError(f"Both {name} and {file} are set. Unset one of them.")
        text = _read_secret(file, path)
    # What is not UTF-8 in the environment is a lone surrogate in Python.
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise SetupError(f"{name} is not UTF-8. Correct it.")
    return text


def read_text_file(path: Path) -> str:
    """Return the text of a small file in UTF-8, or in UTF-16 with its mark, as editors and shells of Windows write it.

    Raises OSError, and ValueError when it is not such text.
    """
    data = path.read_bytes()
    utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if utf_16 else "utf-8-sig")


def _read_secret(name: str, path: str) -> str:
    """Return the text of the file *path* that the variable *name* names, without line ends behind it."""
    try:
        text = read_text_file(Path(path)).rstrip("\r\n")
    except OSError as error:
        raise SetupError(f"The file that {name} names cannot be read: {error.strerror}.") from None
    except ValueError:
        raise SetupError(f"The file that {name} names is not text in UTF-8.") from None
    if not text:
        raise SetupError(f"The file that {name} names is empty.")
    return text
