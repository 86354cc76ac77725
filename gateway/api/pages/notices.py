"""Pages with nothing to do on them: what did not work, and why."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gateway.api.asgi import BodyError
from gateway.api.pages.forms import FormError
from gateway.api.pages.markup import reply
from gateway.api.pages.views import notice_page
from gateway.api.replies import Reply, ReplyHeaders
from gateway.api.request import CLOSE
from gateway.api.rest.problems import Problem

_TITLES = {405: "Nothing to see here", 429: "One moment", 500: "That went wrong here", 503: "One moment"}
_OTHER = "That did not work"


class Notices:
    """Makes them.

    Args:
        gateway: its name.
        enabled: whether people may sign in here at all.
    """

    def __init__(self, gateway: str, enabled: Callable[[], bool]) -> None:
        self._gateway = gateway
        self._enabled = enabled

    def notice(self, status: int, title: str, *words: str, headers: ReplyHeaders = (), onward: bool = False) -> Reply:
        """One of them.

        Args:
            status: of HTTP.
            title: its heading.
            words: paragraphs of plain text.
            headers: more of them.
            onward: it leads to where people sign in.
        """
        return reply(status, notice_page(self._gateway, title, *words, onward=onward), headers)

    def refusal(self, problem: Problem) -> Reply:
        """The page in the place of a problem document."""
        return self.notice(
            problem.status,
            _TITLES.get(problem.status, _OTHER),
            sentence(problem.detail),
            *(() if problem.id is None else (f"Its id is {problem.id}.",)),
            headers=problem.headers,
        )

    async def guarded(self, work: Callable[[], Awaitable[Reply]]) -> Reply:
        """What work of a page gives, where there are people at all; a form that cannot be read is told of.

        Raises:
            Disconnected: the browser left.
        """
        if not self._enabled():
            words = "People cannot sign in to this gateway: whoever runs it has switched that off ([access] login)."
            return self.notice(404, "No sign-in here", words, headers=CLOSE)
        try:
            return await work()
        except FormError as error:
            return self.notice(error.status, _OTHER, str(error), headers=CLOSE)
        except BodyError as error:
            return self.notice(error.status, _OTHER, sentence(error.reason), headers=CLOSE)


def sentence(text: str) -> str:
    """A text of ours as a sentence of its own."""
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."
