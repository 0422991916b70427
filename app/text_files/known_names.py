"""Column names that are nearly those of known columns: `First Name` for first_name."""

import unicodedata
from collections.abc import Collection, Iterable

from app.text_files.files import FileError
from schemas.text import quoted

#: Long forms of columns, without blanks and signs.
LONG_FORMS = {"emailaddress": "email", "phonenumber": "phone", "externaluserid": "externalid"}


def find_known(name: str, known: Iterable[str]) -> str | None:
    """Return the name in *known* from which *name* differs only by case, blanks and signs; None without one.

    A few long forms count as such too.
    """
    folded = LONG_FORMS.get(_fold(name), _fold(name))
    return next((each for each in known if each != name and _fold(each) == folded), None)


def refuse_nearly_known(names: Iterable[str], known: Collection[str], *, file: str, remedy: str) -> None:
    """Raise FileError, which ends with the sentence *remedy*, when one of *names* is nearly one of *known*."""
    for name in names:
        if name in known:
            continue
        if known_name := find_known(name, known):
            raise FileError(
                f"The column '{quoted(name)}' of {file} is nearly '{known_name}'. Rename it to '{known_name}'"
                f"{remedy.format(name=quoted(name))}."
            )


def _fold(name: str) -> str:
    """Return the letters and digits of *name* without their case."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", name).casefold()))
