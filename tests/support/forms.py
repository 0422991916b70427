"""Reads the forms of a page with the values that a browser would send."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

#: Types of `input` elements for text.
TYPED = {"text", "search", "url", "time", "password"}


@dataclass
class Form:
    """A form and the values that a browser would send."""

    method: str
    #: The path and query; "" is the URL of the page.
    action: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    #: The text fields that are empty.
    blank: set[str] = field(default_factory=set)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._select: str | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "form":
            self._form = Form(given.get("method") or "get", given.get("action") or "")
            self.forms.append(self._form)
        elif self._form is not None:
            self._field(tag, given)

    def handle_endtag(self, tag: str) -> None:
        self._form = None if tag == "form" else self._form
        self._select = None if tag == "select" else self._select

    def _field(self, tag: str, given: dict[str, str | None]) -> None:
        assert self._form is not None
        name, value = given.get("name"), given.get("value") or ""
        if tag == "select":
            self._select = name
        elif tag == "option" and self._select is not None:
            if "selected" in given or self._select not in self._form.fields:
                self._form.fields[self._select] = [value]
        elif tag in {"input", "textarea"} and name is not None:
            kind = given.get("type") or "text"
            if kind in {"checkbox", "radio"}:
                if "checked" in given:
                    self._form.fields.setdefault(name, []).append(value or "on")
                return
            self._form.fields.setdefault(name, []).append(value)
            if not value and (tag == "textarea" or kind in TYPED):
                self._form.blank.add(name)


def forms_of(page: str, path: str) -> list[Form]:
    """Return the POST forms of the page at *path*."""
    parser = _Parser()
    parser.feed(page)
    forms = [form for form in parser.forms if form.method == "post"]
    for form in forms:
        form.action = (form.action or path).partition("#")[0]
    return forms
