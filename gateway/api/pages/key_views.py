"""What the pages about somebody's own API keys say."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from gateway.access.scopes import SCOPES
from gateway.api.pages.markup import alert, box, button, choice, escape, field, form, link, literal, page, paragraph
from gateway.api.pages.views import KEYS, LOGOUT
from gateway.core import rfc3339
from gateway.core.clients import ApiKey

REVOKE = f"{KEYS}/revoke"
DAY = 86400
# What may be chosen, and the seconds it stands for.
LIFETIMES: Mapping[str, tuple[str, int | None]] = {
    "1d": ("A day", DAY),
    "30d": ("30 days", 30 * DAY),
    "90d": ("90 days", 90 * DAY),
    "1y": ("A year", 365 * DAY),
    "revoked": ("Until it is revoked", None),
}
USUAL = "90d"
# Keys on one page.
_MOST_SHOWN = 100
_NAME = 'type="text" autocomplete="off" maxlength="100"'
_UNSET_CLOCK = (
    "No time server has set the clock of this gateway yet. Once one does, a key may end earlier than was chosen."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What somebody has filled in.

    Attributes:
        name: for the key.
        scopes: that are ticked.
        lifetime: one of ``LIFETIMES``, or what else was sent.
    """

    name: str = ""
    scopes: frozenset[str] = frozenset()
    lifetime: str = USUAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the page of somebody's keys is made of.

    Attributes:
        gateway: its name.
        person: who is signed in.
        keys: of that person.
        allowed: scopes that a key of this person may have.
        now: Unix seconds.
        clock_set: whether that is known to be so.
        hidden: what every form brings along.
        once: what the form that makes a key brings along beside.
        session: what the form brings along that signs out.
    """

    gateway: str
    person: str
    keys: Sequence[ApiKey]
    allowed: Sequence[str]
    now: float
    clock_set: bool
    hidden: Mapping[str, str]
    once: Mapping[str, str]
    session: Mapping[str, str]


def keys_page(shown: Shown, typed: Typed, *, wrong: str | None = None) -> bytes:
    """Somebody's keys, and where another one is made.

    Args:
        shown: what there is.
        typed: with the last try.
        wrong: with that.
    """
    boxes = (box(_sentence(SCOPES[scope]), "scope", scope, checked=scope in typed.scopes) for scope in shown.allowed)
    make = form(
        KEYS,
        {**shown.hidden, **shown.once},
        field("What it is for", "name", _NAME, typed.name),
        "<fieldset>",
        "<legend>What it may do</legend>",
        *boxes,
        "</fieldset>",
        choice(
            "How long it is good",
            "lifetime",
            [(value, label) for value, (label, _) in LIFETIMES.items()],
            typed.lifetime if typed.lifetime in LIFETIMES else USUAL,
        ),
        button("Make the key"),
    )
    return page(
        "Your API keys",
        alert(wrong),
        paragraph(
            f"You are {shown.person}. A program or a command that shows one of these keys acts for you, as far as the "
            "key allows. Have one for each, so that each can be revoked alone."
        ),
        *_listed(shown),
        "<h2>Make a key</h2>",
        *([] if shown.clock_set else [paragraph(_UNSET_CLOCK)]),
        make if shown.allowed else paragraph("None of your roles allows anything that a key could do."),
        form(LOGOUT, shown.session, button("Sign out", plain=True)),
        gateway=shown.gateway,
    )


def made_page(gateway: str, key: ApiKey, credential: str, command: str) -> bytes:
    """A key that was just made: the only page that ever has it.

    Args:
        gateway: its name.
        key: that was made.
        credential: what is sent.
        command: that reads something with it.
    """
    return page(
        "Copy the key now",
        paragraph(f"This is the only time that the key “{key.name}” is shown: the gateway itself keeps a hash of it."),
        literal(credential),
        paragraph(f"Whoever has it may: {_scopes(key.scopes)}. {_until(key, key.created)}."),
        paragraph(
            "It is sent with each call, as the header X-API-Key. This command reads something with it; ca.pem is the "
            "file of that name in the state directory, and ferrule-ca.pem on the card of a board:"
        ),
        literal(command),
        link(KEYS, "Your API keys"),
        gateway=gateway,
    )


def revoke_page(gateway: str, key: ApiKey, hidden: Mapping[str, str]) -> bytes:
    """Whether a key is really to end.

    Args:
        gateway: its name.
        key: that is to.
        hidden: what the form brings along.
    """
    return page(
        f"Revoke “{key.name}”?",
        paragraph(
            "Whatever shows this key is refused from then on, and webhooks that were registered with it end. It cannot "
            "be undone."
        ),
        form(
            REVOKE,
            {**hidden, "key_id": key.id},
            button("Revoke it", name="decision", value="revoke"),
            button("Keep it", name="decision", value="keep", plain=True),
        ),
        gateway=gateway,
    )


def _listed(shown: Shown) -> list[str]:
    if not shown.keys:
        return [paragraph("You have none so far.")]
    newest = list(reversed(shown.keys))
    left = len(newest) - _MOST_SHOWN
    more = [paragraph(f"{left} older ones are listed at /v1/auth/api-keys.")] if left > 0 else []
    return ['<ul class="keys">', *(_row(shown, key) for key in newest[:_MOST_SHOWN]), "</ul>", *more]


def _row(shown: Shown, key: ApiKey) -> str:
    used = "never used" if key.used is None else f"last used {_moment(key.used)}"
    return "\n".join(
        [
            "<li>",
            f"<p><strong>{escape(key.name)}</strong> <code>{escape(key.id)}</code></p>",
            paragraph(f"May: {_scopes(key.scopes)}."),
            paragraph(f"Made {_moment(key.created)}, {used}. {_until(key, shown.now)}."),
            form(REVOKE, {**shown.hidden, "key_id": key.id}, button(f"Revoke {key.name}", plain=True)),
            "</li>",
        ]
    )


def _until(key: ApiKey, now: float) -> str:
    if key.expires is None:
        return "Good until it is revoked"
    return f"{'Good until' if now < key.expires else 'Expired'} {_moment(key.expires)}"


def _scopes(scopes: Collection[str]) -> str:
    return ", ".join(sorted(scopes))


def _moment(seconds: float) -> str:
    day, _, time = rfc3339.seconds(seconds).partition("T")
    return f"{day} {time[:5]} UTC"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
