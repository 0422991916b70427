"""The words that code, messages and documents avoid, and a checker for single files.

    python tests/project/plain_words.py FILE...
    python tests/project/plain_words.py --names FOLDER...

The first prints each violation as `file:line: word: what to write instead`. The second prints the public functions and
classes that several modules of a folder define. The checker reads comments, docstrings, messages and names of tests of
Python files, comments of SQL files, the text of HTML and Markdown files, and other files whole. It imports nothing of
the project.
"""

import ast
import io
import re
import sys
import token
import tokenize
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Word(NamedTuple):
    """A pattern to avoid, and what to write instead."""

    pattern: str
    instead: str


class Allowed(NamedTuple):
    """A use that stays: *text* is part of the line in *file*."""

    file: str
    text: str
    reason: str


class Finding(NamedTuple):
    """One use of a word to avoid."""

    file: str
    line: int
    word: str
    instead: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.word!r}: {self.instead}"


#: Matched in prose only: comments, docstrings, messages, documents. A space matches any white space.
PROSE = (
    Word(r"told", "logged, reported, sent, given; or name the subject: 'the log contains'"),
    Word(r"tells?|telling", "report, return, log, say, name, contain"),
    Word(r"shown", "active voice: 'the page lists', 'displays'"),
    Word(r"asked", "requested, or name the subject: 'the client requests'"),
    Word(r"wanted", "requested, needed, configured"),
    Word(r"meant", "intended, used for, names"),
    Word(r"so many|so much as", "give the number or the unit: 'up to N', 'N of'"),
    Word(r"of which|of whom|of whose", "start a second sentence"),
    Word(r"those (who|that|whose)", "name them: 'clients that', 'jobs that'"),
    Word(r"who(m|ever|soever)", "name the actor: 'the client', 'the operator'"),
    Word(r"nobody|somebody", "name the actor: 'no client', 'a user'"),
    Word(r"(hangs?|hung|hanging) on", "depends on, belongs to, waits for"),
    Word(r"(comes?|came|coming) of", "results from, follows from, happened to"),
    Word(r"(makes|made|making) up", "contains, consists of, generates"),
    Word(r"on (its|their) way", "in transit, in the broker, being delivered"),
    Word(r"under way", "running, in progress"),
    Word(r"(becomes?|became|become) of", "the result of, the outcome of"),
    Word(r"bears?|bearing|borne", "carries, has, contains"),
    Word(r"(has|have|had) not (the|a|an)", "lacks, does not have"),
    Word(r"(is|are|was|were) to be", "'must be' or active voice"),
    Word(r"be it", "a plain list: 'A or B'"),
    Word(r"lest", "so that ... not"),
    Word(r"ought", "should, must"),
    Word(r"(goes|go|going|went|gone) on", "continues, resumes"),
    Word(r"(takes?|took|taken|has|have|had) in hand", "process, lock, load"),
    Word(r"(stands?|standing|stood) in the way", "blocks, prevents"),
    Word(r"as (things|it|they|he|she) stands?", "currently, in its current state"),
    Word(r"lies|lay|lain", "is, is stored"),
    Word(r"anew", "again"),
    Word(r"was had|were had", "name the action"),
    Word(r"what is \w+ of", "name the thing: 'the X of Y'"),
    Word(r"what (it|they|he|she) (is|are|was|were) (not|when)", "name the state or the value"),
    Word(r"doors?", "API, web server, authentication, listener"),
    Word(r"houses?", "project, installation"),
    Word(r"whereof|thereof|therein|whence|thence|hither|thither|wherein", "start a second sentence"),
    Word(r"rehears(e|es|ed|al|als|ing)", "preview, dry run"),
    Word(r"come to (an end|no end)", "finish, end"),
    Word(r"came to (an end|no end)", "finished, did not finish"),
)

#: Old names. Matched in prose, in code and in documents, as whole identifiers or parts of dotted paths.
NAMES = (
    Word(r"[Tt]ales?", "observer, LaneObserver"),
    Word(r"lane\.hand|lane/hand|in_hand", "app.lane.working_set"),
    Word(r"[Hh]ouseholds?", "supervisor, Supervisor"),
    Word(r"tether(s|ed)?|Tether", "parent_death"),
    Word(r"[Cc]ouriers?", "webhook_client, WebhookClient"),
    Word(r"leftovers", "orphan_processes"),
    Word(r"namesakes?", "external_id_holders"),
    Word(r"heirs?", "new_owners"),
    Word(r"recollect\w*|Recollect\w*", "history_lookup"),
    Word(r"noting|Asker", "audit log, AuditEvent, Actor"),
    Word(r"strandings?", "stalled_attempts"),
    Word(r"Rehears\w*", "PreviewResult"),
    Word(r"GAVE_WAY", "CONTENTION_ERRORS"),
    Word(r"undo_look|settle\.look", "app.undo.target, resolve_pairs"),
    Word(r"PatientConnection|app[./]patience|import patience", "TimeoutConnection, app.db.client_timeout"),
    Word(r"pulse", "ServerProbe"),
    Word(r"uneasy", "probe_after"),
    Word(r"collect_seldom", "gc_tuning.tune_gc"),
    Word(r"without_values", "redaction"),
    Word(r"bearing", "request_context"),
    Word(r"fleeting", "live_only"),
    Word(r"take_in", "accept_batch"),
    Word(r"until_settled", "retry_until_stable"),
    Word(r"Seating", "Assignment, Targeted"),
    Word(r"way_out", "remedy"),
    Word(r"(?<!_)go_on(?!_)", "advance"),
    Word(r"house_rules", "a name of the rules, such as code_rules"),
)

#: Old names that are also English words: matched in Python code only, not in its prose.
CLASSES = (
    Word(r"Hand", "WorkingSet"),
    Word(r"Pulse", "ServerProbe"),
    Word(r"Forged", "CSRFError"),
    Word(r"Wanted", "a filter class, such as JobFilter"),
    Word(r"Tally", "StatusCount"),
    Word(r"Backlogs", "BacklogLimiter"),
    Word(r"Stretch", "TimeBucket"),
    Word(r"Doubt", "UnansweredPolicy"),
    Word(r"Told", "LineResult"),
    Word(r"Fate", "GroupPlan"),
    Word(r"Denoted", "Resolved"),
    Word(r"Taken", "LeasedDelivery"),
    Word(r"Ending", "AttemptResult"),
    Word(r"Aimed", "Targeted"),
    Word(r"(?<!_)hand(?!_)", "working_set"),
    Word(r"Board", "SharedMemory"),
    Word(r"Part", "FieldState"),
    Word(r"Question", "HistoryQuery"),
    Word(r"Side|Party", "ProfileRef"),
    Word(r"Known", "Estimate"),
    Word(r"Pace", "FlowControl"),
    Word(r"Notice", "Delivery"),
    Word(r"Note", "AuditEvent"),
    Word(r"Work", "ClaimedJob"),
    Word(r"Windows", "FixedWindowLimiter"),
    Word(r"Look", "a name of what it is"),
    Word(r"told(?==)", "help"),
    Word(r"fates?", "group_plan"),
    Word(r"(?<!_)tell(?!_)", "set_workspace"),
    Word(r"(?<!_)borrow(?!_)", "Transaction"),
    Word(r"[Jj]ournal", "checkpoint, Checkpoint"),
)

#: Names of settings and options, and names of tests in documents: they stay everywhere, and are not read.
PUBLIC = re.compile(r"--patience|MERGELANE_MAX_STRANDINGS|\bmax_strandings\b|::test_\w+")

#: Uses that stay. This list only shrinks: tests/project/test_plain_words.py fails when an entry matches nothing.
ALLOWED: tuple[Allowed, ...] = (
    Allowed("app/db/migrations/sql/from_0023.sql", "strandings", "the former name of a column that it renames"),
    Allowed("cli/bulk/outputs/output_file.py", "self._file.tell()", "Python's method of files"),
    Allowed("cli/doctor/findings.py", "way_out", "the key in the output of `mergelane doctor --json`"),
    Allowed("tests/e2e/test_doctor.py", "way_out", "the same key"),
    Allowed("tests/integration/data/schema_0023.sql", "Whoever", "a dump of an earlier schema"),
    Allowed("tests/integration/data/schema_0023.sql", "strandings", "a column of an earlier schema"),
)

#: What a Markdown file does not say in prose: code, comments, targets of links, and results that a program wrote.
_CODE = re.compile(
    r"<!-- results: begin -->.*?<!-- results: end -->|```.*?```|`[^`\n]+`|<!--.*?-->|\]\([^)\s]*\)", re.DOTALL
)
#: Comments and messages of scripts and styles.
_SCRIPT = re.compile(r"""/\*.*?\*/|(?<!:)//[^\n]*|"[^"\n]* [^"\n]*"|`[^`]* [^`]*`""", re.DOTALL)
_TAG = re.compile(r"<script\b.*?</script>|<style\b.*?</style>|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", re.DOTALL)
_SQL = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
#: The name of a test is a sentence.
_TEST = re.compile(r"(?<=def test_)\w+")
_SELF = ("tests/project/plain_words.py", "tests/project/test_plain_words.py")


class Patterns(NamedTuple):
    """Compiled patterns, each with what to write instead, and one that finds whether a text has any of them."""

    any_of_them: re.Pattern[str]
    each: tuple[tuple[re.Pattern[str], str], ...]


def _compiled(words: tuple[Word, ...]) -> Patterns:
    """Compile *words*: whole words, any white space between two, comment signs included."""
    gap = r"(?:\s|\n[ \t]*(?:#:?|--)[ \t]*)+"
    spaced = [Word(word.pattern.replace(" ", gap), word.instead) for word in words]
    return _patterns(spaced, before=r"(?<![\w-])", after=r"(?![\w-])", flags=re.IGNORECASE)


def _identifiers(words: tuple[Word, ...]) -> Patterns:
    """Compile *words* as identifiers or parts of them between underscores and dots."""
    return _patterns(words, before=r"(?<![A-Za-z0-9])", after=r"(?![A-Za-z0-9])")


def _patterns(words: Sequence[Word], *, before: str, after: str, flags: re.RegexFlag = re.NOFLAG) -> Patterns:
    def compiled(pattern: str) -> re.Pattern[str]:
        return re.compile(f"{before}(?:{pattern}){after}", flags)

    each = tuple((compiled(word.pattern), word.instead) for word in words)
    return Patterns(compiled("|".join(word.pattern for word in words)), each)


_PROSE = _compiled(PROSE)
_NAMES = _identifiers(NAMES)
_CLASSES = _identifiers(CLASSES)


def _blanked(pattern: re.Pattern[str], text: str) -> str:
    """Replace what *pattern* matches by spaces: the lines keep their numbers."""
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def _kept(pattern: re.Pattern[str], text: str) -> str:
    """Replace all that *pattern* does not match by spaces."""
    kept = [" " if char != "\n" else "\n" for char in text]
    for match in pattern.finditer(text):
        kept[match.start() : match.end()] = match.group()
    return "".join(kept)


@lru_cache(maxsize=1)
def _python_prose(text: str) -> str:
    """Return the comments, docstrings and messages of a Python module, at their places.

    A message is a string with a space in it.
    """
    lines = text.splitlines(keepends=True)
    kept = [[" " if char != "\n" else "\n" for char in line] for line in lines]
    middles = {token.STRING, getattr(token, "FSTRING_MIDDLE", token.STRING)}
    for kind, string, (row, column), (last, end), _ in tokenize.generate_tokens(io.StringIO(text).readline):
        if kind != token.COMMENT and not (kind in middles and " " in string.strip()):
            continue
        for number in range(row, last + 1):
            start = column if number == row else 0
            stop = end if number == last else len(lines[number - 1])
            kept[number - 1][start:stop] = lines[number - 1][start:stop]
    return "".join("".join(line) for line in kept)


def _test_names(text: str) -> str:
    """Return the names of the tests in a Python module as sentences, at their places."""
    return _kept(_TEST, text).replace("_", " ")


def _without_prose(text: str) -> str:
    """Return the code of a Python module without its comments, docstrings and messages."""
    prose = _python_prose(text)
    return "".join(" " if word not in {" ", "\n"} else char for char, word in zip(text, prose, strict=True))


def prose_of(path: Path, text: str) -> str:
    """Return the prose of a file with everything else blanked."""
    match path.suffix:
        case ".py":
            prose = _blanked(re.compile(r"`[^`\n]+`"), _python_prose(text))
            # Each has spaces where the other has text, and a space is the smallest character but for line ends.
            return "".join(map(max, prose, _test_names(text)))
        case ".sql":
            return _kept(_SQL, text)
        case ".md":
            return _blanked(_CODE, text)
        case ".html":
            return _blanked(_TAG, text)
        case ".js" | ".css":
            return _kept(_SCRIPT, text)
    return text


def _name(path: Path) -> str:
    absolute = path.resolve()
    return absolute.relative_to(ROOT).as_posix() if absolute.is_relative_to(ROOT) else path.as_posix()


def _matches(patterns: Patterns, text: str) -> Iterator[tuple[int, str, str]]:
    # Most files have none of the words: one search instead of one for each word.
    if patterns.any_of_them.search(text) is None:
        return
    for pattern, instead in patterns.each:
        for match in pattern.finditer(text):
            yield text.count("\n", 0, match.start()) + 1, " ".join(match.group().split()), instead


def findings(path: Path, *, allowed: bool = True) -> list[Finding]:
    """Return the uses of words to avoid in one file, in the order of lines; without the allowed ones if *allowed*."""
    name = _name(path)
    if name in _SELF:
        return []
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    public = _blanked(PUBLIC, text)
    found = {*_matches(_PROSE, prose_of(path, public)), *_matches(_NAMES, public), *_matches(_NAMES, name)}
    if path.suffix == ".py":
        found |= {*_matches(_CLASSES, _without_prose(public))}
    uses = [Finding(name, line, word, instead) for line, word, instead in sorted(found)]
    if not allowed:
        return uses
    stay = [entry for entry in ALLOWED if entry.file == name]
    return [use for use in uses if not any(entry.text in lines[use.line - 1] for entry in stay)]


def unused() -> list[Allowed]:
    """Return the entries of ALLOWED that allow nothing."""
    left = []
    for entry in ALLOWED:
        path = ROOT / entry.file
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        if not any(entry.text in lines[use.line - 1] for use in (findings(path, allowed=False) if lines else [])):
            left.append(entry)
    return left


def public_names(path: Path) -> Iterator[tuple[str, int]]:
    """Return the public functions and classes that a Python module defines, each with its line."""
    for node in ast.parse(path.read_text(encoding="utf-8"), filename=str(path)).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield node.name, node.lineno


def shared_names(folder: Path) -> dict[str, list[str]]:
    """Return the public names that several modules below *folder* define, each with its places."""
    places = defaultdict(list)
    for path in sorted(folder.rglob("*.py")):
        for name, line in public_names(path):
            places[name].append(f"{_name(path)}:{line}")
    return {name: found for name, found in sorted(places.items()) if len(found) > 1}


def main(arguments: list[str]) -> int:
    """Print the violations of the named files, or the shared names of folders; return 1 if there is one."""
    if arguments[:1] == ["--names"]:
        shared = [item for folder in arguments[1:] for item in shared_names(Path(folder)).items()]
        found = [f"{name}: {', '.join(places)}" for name, places in shared]
    else:
        found = [str(use) for argument in arguments for use in findings(Path(argument))]
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
