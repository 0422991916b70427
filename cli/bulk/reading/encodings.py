"""The encoding of an input file: UTF-8, or the one that an option names; another one is recognised and refused."""

import codecs
import re

from charset_normalizer import from_bytes

from cli.bulk.files import FileError
from schemas.text import quoted

UTF_8 = "utf-8"
#: Longer marks first: the mark of UTF-32 begins with that of UTF-16.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Western European text, by far the most frequent of what is not UTF-8: single bytes above ASCII between letters.
WESTERN = "windows-1252"
#: Encodings that charset-normalizer may choose among; more of them would only be more wrong guesses.
CANDIDATES = [
    "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r", "cp932", "euc_jp", "gb18030", "big5", "cp949",
]  # fmt: skip
#: Bytes of lines beyond ASCII that the guess is based on.
SAMPLE = 1 << 15
NOT_ASCII = re.compile(rb"[\x80-\xff]+")
LETTERS = re.compile(rb"[A-Za-z]+")
#: The share of bytes beyond ASCII among the letters above which text is hardly in a Latin alphabet.
MOSTLY = 0.4
#: The escape sequences of ISO-2022-JP, which has no byte beyond ASCII.
SHIFT_TO_JAPANESE = re.compile(rb"\x1b\$[@B]")
JAPANESE = "iso-2022-jp"


def check_encoding(name: str) -> str:
    """Return *name* if Python knows an encoding of this name for text; raise FileError otherwise."""
    try:
        info = codecs.lookup(name)
        "".encode(name)
    except (LookupError, ValueError):
        raise FileError(
            f"The encoding '{quoted(name)}' is unknown. Use a name such as utf-8, utf-16 or windows-1252."
        ) from None
    return info.name


def find_unmarked(block: bytes) -> str | None:
    """Return the encoding of a file that begins with *block*, if that shows that it is not UTF-8."""
    for mark, encoding in MARKS:
        if block.startswith(mark):
            return encoding
    if SHIFT_TO_JAPANESE.search(block):
        return JAPANESE
    start = block[:1024]
    zeros = start.count(0)
    # Text has no zeros; in UTF-16 every other byte of Latin text is one, in UTF-32 three of four.
    if len(start) < 4 or zeros * 4 < len(start):  # noqa: PLR2004 - four bytes are the shortest sign
        return None
    wide, big = zeros * 8 > len(start) * 5, start[0] == 0
    return f"utf-{32 if wide else 16}-{'be' if big else 'le'}"


def refuse_encoding(name: str, encoding: str) -> FileError:
    """Return the error for the file *name* that is in *encoding*."""
    return FileError(f"{name} is in {encoding}, not in UTF-8. Add --encoding {encoding} to read it.")


def refuse_line(name: str, line: int, sample: bytes) -> FileError:
    """Return the error for the file *name*, whose *line* is not UTF-8; *sample* are such lines."""
    encoding = guess_encoding(sample)
    word = next(iter(re.findall(r"\w*[^\x00-\x7f]\w*", sample.decode(encoding, errors="replace"))), "")
    return FileError(
        f"{name} is not in UTF-8: see line {line}. It seems to be in {encoding}, in which that line has"
        f" '{quoted(word)}'. Add --encoding {encoding} to read it, or name its encoding there."
    )


def guess_encoding(sample: bytes) -> str:
    """Return the most likely encoding of *sample*, which is not UTF-8."""
    high = sum(map(len, NOT_ASCII.findall(sample)))
    letters = high + sum(map(len, LETTERS.findall(sample)))
    if high <= letters * MOSTLY:
        return WESTERN
    best = from_bytes(sample, cp_isolation=CANDIDATES).best()
    return WESTERN if best is None else codecs.lookup(best.encoding).name
