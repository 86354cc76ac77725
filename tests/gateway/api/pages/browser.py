"""A browser as far as forms need one: it keeps cookies, reads forms, and follows nothing that a person would not."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx


@dataclass
class Form:
    """A form of a page.

    Attributes:
        action: where it goes.
        fields: what it brings along if nothing is typed.
        boxes: what can be ticked, by the name of the field.
        ticked: what of that is ticked already.
        choices: what can be chosen, by the name of the field.
        buttons: by their text, what each adds.
    """

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    boxes: dict[str, list[str]] = field(default_factory=dict)
    ticked: dict[str, list[str]] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    buttons: dict[str, dict[str, str]] = field(default_factory=dict)


class Page(HTMLParser):
    """What a person sees of a page."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        self.response = response
        self.status = response.status_code
        self.forms: list[Form] = []
        self.title = ""
        self.heading = ""
        self.alert = ""
        self.text = ""
        self.labels: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.literals: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self._button: dict[str, str | None] | None = None
        self._label: str | None = None
        self._link: str | None = None
        self._choice = ""
        self._alerting = False
        self.feed(response.text)
        self.close()

    def form(self, action: str, button: str | None = None) -> Form:
        """The one that leads there, and has that button."""
        [found] = [form for form in self.forms if form.action == action and (button is None or button in form.buttons)]
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append((tag, values))
        if tag == "form":
            assert values["method"] == "post"
            self.forms.append(Form(values["action"] or ""))
        elif tag == "input" and values.get("type") == "checkbox":
            name, value = values["name"] or "", values["value"] or ""
            self.forms[-1].boxes.setdefault(name, []).append(value)
            if "checked" in values:
                self.forms[-1].ticked.setdefault(name, []).append(value)
        elif tag == "select":
            self._choice = values["name"] or ""
        elif tag == "option":
            self.forms[-1].choices.setdefault(self._choice, []).append(values["value"] or "")
            if "selected" in values:
                self.forms[-1].fields[self._choice] = values["value"] or ""
        elif tag == "a":
            self._link = values["href"]
        elif tag == "pre":
            self.literals.append("")
        elif tag == "input":
            self.forms[-1].fields[values["name"] or ""] = values.get("value") or ""
        elif tag == "button":
            self._button = values
        elif tag == "label":
            self._label = values["for"]
        if tag not in {"meta", "link", "input"}:
            self._open.append(tag)
        self._alerting = self._alerting or values.get("role") == "alert"

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag == "p":
            self._alerting = False
        if tag == "button":
            self._button = None
        if tag == "label":
            self._label = None
        if tag == "a":
            self._link = None

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        if inside == "title":
            self.title += data
            return
        self.text += data
        if inside == "h1":
            self.heading += data
        if self._alerting:
            self.alert += data
        if self._label is not None:
            self.labels[self._label] = self.labels.get(self._label, "") + data
        if self._link is not None:
            self.links[data] = self._link
        if "pre" in self._open:
            self.literals[-1] += data
        if self._button is not None:
            name = self._button.get("name")
            self.forms[-1].buttons[data] = {} if name is None else {name: self._button.get("value") or ""}


class Browser:
    """One person's browser.

    Args:
        client: over TLS or in memory; it keeps the cookies, and follows nothing by itself.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.client.headers.pop("authorization", None)

    async def open(self, url: str, **more: Any) -> Page:
        """Type an address."""
        return await self._follow(await self.client.get(url, **more))

    async def send(self, page: Page, action: str, button: str, **typed: str | list[str]) -> Page:
        """Fill a form in and press a button."""
        form = page.form(action, button)
        data = {**form.fields, **form.ticked, **typed, **form.buttons[button]}
        url = urljoin(str(page.response.url), form.action)
        own = urlsplit(url)
        headers = {"origin": f"{own.scheme}://{own.netloc}", "sec-fetch-site": "same-origin"}
        return await self._follow(await self.client.post(url, data=data, headers=headers))

    async def _follow(self, response: httpx.Response) -> Page:
        """Go where a redirect within the gateway leads; where it leads out, a program takes over."""
        while response.status_code == httpx.codes.SEE_OTHER and response.headers["location"].startswith("/"):
            response = await self.client.get(response.headers["location"])
        return Page(response)

    async def sign_in(self, url: str, name: str, password: str) -> Page:
        """Open an address and sign in there."""
        return await self.send(await self.open(url), "/v1/auth/login", "Sign in", name=name, password=password)


def brought_back(page: Page) -> dict[str, str]:
    """What a redirect out of the gateway brings to the program."""
    assert page.status == httpx.codes.SEE_OTHER, page.response.text
    return dict(parse_qsl(urlsplit(page.response.headers["location"]).query, strict_parsing=True))
