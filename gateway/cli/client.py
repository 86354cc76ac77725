"""Talks to a running gateway: JSON-RPC over TLS, errors in words with the cure."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

from gateway.cli.main import DENIED, FAILED, INTERRUPTED, UNREACHED, WRONG, CommandError
from gateway.cli.options.connection import CERTIFICATE_VARIABLE, TOKEN_VARIABLE
from gateway.cli.place import place_of

TOKEN_LIFE_S = 300
# A watch that runs for hours makes a new one in time.
TOKEN_RENEWED_S = 120
PATH = "/api/v1/rpc"
_INVALID_PARAMS, _UNKNOWN_METHOD = -32602, -32601
_UNAUTHENTICATED, _FORBIDDEN, _TOO_MANY, _UNAVAILABLE = -32001, -32002, -32004, -32007
_NOT_FOUND = -32010
# Who reads this types commands, and calls no methods.
_COMMANDS = {"line.list": "ferrule status", "tag.list": "ferrule read", "alarm.list": "ferrule alarms"}

Json = dict[str, Any]


class CallError(CommandError):
    """A call has failed.

    Attributes:
        sent: whether the gateway may have received the call, so that what it orders may have been done.
    """

    def __init__(self, message: str, code: int = FAILED, *, sent: bool = False) -> None:
        super().__init__(message, code)
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Call:
    """A method and its parameters."""

    method: str
    params: Mapping[str, object]


class Client:
    """One gateway, one connection that is opened again when the gateway has closed it.

    Args:
        arguments: what ``add_connection`` adds.
        scopes: what a token that is made here must allow.

    Raises:
        CommandError: it cannot be told which gateway, or how to trust it.
    """

    def __init__(self, arguments: argparse.Namespace, scopes: Sequence[str] = ("devices:read",)) -> None:
        self._state: Path = arguments.state
        self._scopes = scopes
        self._timeout: float = arguments.timeout
        self._certificate: Path | None = arguments.client_cert
        self._given_token = _given(arguments.token or os.environ.get(TOKEN_VARIABLE) or "")
        self._made = (0.0, "")
        self._sent = False
        self._connection: http.client.HTTPSConnection | None = None
        if arguments.url is not None and arguments.ca is None:
            raise CommandError(
                "--url needs --ca FILE: the ca.pem of that gateway, copied from its state directory", WRONG
            )
        if arguments.url is not None and self._given_token is None and not self._has_key():
            raise CommandError(
                "--url needs a token: run ferrule token on that board, and give it here with --token or in "
                f"{TOKEN_VARIABLE}",
                WRONG,
            )
        self._place = place_of(arguments)

    @property
    def makes_tokens(self) -> bool:
        """Whether tokens are made here, with the scopes that are needed; else one was given."""
        return self._given_token is None

    @property
    def url(self) -> str:
        """The gateway's address."""
        return self._place.url

    def call(self, method: str, **params: object) -> Json:
        """The result of one call that may be made twice without harm.

        Raises:
            CallError: it has failed.
        """
        [result] = self.calls([Call(method, params)])
        return result

    def order(self, method: str, **params: object) -> Json:
        """The result of a call that does something: it is made once and never again by itself.

        Raises:
            CallError: it has failed; ``sent`` says whether it may have been carried out all the same.
        """
        with self._once():
            [result] = self._calls([Call(method, params)])
        return result

    def calls(self, calls: Sequence[Call]) -> list[Json]:
        """The results of several calls in one request, in their order; none of them is an order.

        Raises:
            CallError: one has failed.
        """
        try:
            return self._calls(calls)
        except CallError as error:
            # Whether a question arrived makes no difference.
            error.sent = False
            raise

    def look(self, path: str) -> Json:
        """What a path under ``/v1`` answers to a GET.

        Raises:
            CallError: it has failed.
        """
        try:
            return self._ask("GET", path, None)
        except CallError as error:
            error.sent = False
            raise

    def act(self, verb: str, path: str, data: Mapping[str, object] | None = None) -> Json:
        """Do something under ``/v1``: it is done once and never again by itself.

        Args:
            verb: POST, PATCH or DELETE.
            path: with its query.
            data: what the body says; None where there is none.

        Returns:
            The answer; empty where there is none.

        Raises:
            CallError: it has failed; ``sent`` says whether it may have been done all the same.
        """
        with self._once():
            return self._ask(verb, path, data)

    @contextmanager
    def _once(self) -> Iterator[None]:
        """On a connection of its own, so that nothing is repeated; and Ctrl-C must not hide what may have been done."""
        self.close()
        self._sent = False
        try:
            yield
        except KeyboardInterrupt:
            if not self._sent:
                raise
            words = f"Ctrl-C came before {self.url} had answered: what was asked for may have been done"
            raise CallError(words, INTERRUPTED, sent=True) from None

    def send(self, path: str, content: bytes, media: str) -> Json:
        """What a path under ``/v1`` answers when a file is put there; that may be done twice without harm.

        Raises:
            CallError: it has failed; ``sent`` says whether it may be there all the same.
        """
        self.close()
        return self._judged(*self._exchange("PUT", path, content, media))

    def fetch(self, path: str, most: int) -> bytes:
        """The beginning of a file under ``/v1``.

        Raises:
            CallError: it has failed.
        """
        status, content = self._transfer("GET", path, None, {"Range": f"bytes=0-{most - 1}"})
        if status >= HTTPStatus.BAD_REQUEST:
            self._judged(status, self._parsed(status, content))
        return content

    def _ask(self, verb: str, path: str, data: Mapping[str, object] | None) -> Json:
        body = None if data is None else json.dumps({"data": data}).encode()
        return self._judged(*self._exchange(verb, path, body))

    def _judged(self, status: int, answer: Any) -> Json:
        if not isinstance(answer, dict):
            raise CallError(f"{self.url} answered what no gateway answers: is it one?", UNREACHED, sent=True)
        if status >= HTTPStatus.BAD_REQUEST:
            raise refused(status, answer, self.url)
        return answer

    def _calls(self, calls: Sequence[Call]) -> list[Json]:
        bodies = [
            {"jsonrpc": "2.0", "id": number, "method": call.method, "params": call.params}
            for number, call in enumerate(calls)
        ]
        _, answer = self._exchange("POST", PATH, json.dumps(bodies if len(bodies) > 1 else bodies[0]).encode())
        answers = answer if isinstance(answer, list) else [answer]
        if not all(isinstance(one, dict) and ("error" in one or ("result" in one and "id" in one)) for one in answers):
            raise CallError(f"{self.url} answered what no gateway answers: is it one?", UNREACHED, sent=True)
        if any("error" in one for one in answers):
            raise refusal(next(one["error"] for one in answers if "error" in one), self.url)
        by_number = {one["id"]: one["result"] for one in answers}
        if len(by_number) != len(calls):
            raise CallError(f"{self.url} answered what no gateway answers: is it one?", UNREACHED, sent=True)
        return [by_number[number] for number in range(len(calls))]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _has_key(self) -> bool:
        try:
            return (self._state / "root.key").exists()
        except OSError:
            return False

    def _token(self) -> str:
        if self._given_token is not None:
            return self._given_token
        made, token = self._made
        now = time.time()
        if not made <= now < made + TOKEN_RENEWED_S:
            token = self._make_token()
            self._made = (now, token)
        return token

    def _make_token(self) -> str:
        from gateway.access.keys import KeyFileError
        from gateway.cli.minted import mint, system_user

        try:
            return mint(self._state, self._scopes, TOKEN_LIFE_S, system_user())
        except KeyFileError as error:
            raise CommandError(str(error), DENIED) from None

    def _exchange(self, verb: str, path: str, body: bytes | None, media: str = "application/json") -> tuple[int, Any]:
        status, content = self._transfer(verb, path, body, {} if body is None else {"Content-Type": media})
        return status, {} if status == HTTPStatus.NO_CONTENT else self._parsed(status, content)

    def _parsed(self, status: int, content: bytes) -> Any:
        try:
            return json.loads(content)
        except ValueError:
            raise CallError(
                f"{self.url} answered {status} and no JSON: is that a gateway?", UNREACHED, sent=True
            ) from None

    def _transfer(self, verb: str, path: str, body: bytes | None, more: Mapping[str, str]) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self._token()}", **more}
        # A connection that was kept may have been closed by the gateway for being idle; then a new one is tried, once.
        for kept in (True, False) if self._connection is not None else (False,):
            connection = self._connection or self._connect()
            try:
                self._sent = True
                connection.request(verb, path, body, headers)
                response = connection.getresponse()
                content = response.read()
            except TimeoutError:
                self.close()
                raise CallError(
                    f"{self.url} did not answer within {self._timeout:g} s; ferrule status shows how it fares",
                    UNREACHED,
                    sent=True,
                ) from None
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if kept and isinstance(error, http.client.RemoteDisconnected | ConnectionError):
                    continue
                if isinstance(error, ssl.SSLError) and "CERTIFICATE" in (error.reason or ""):
                    # With TLS 1.3 a server says so only after the handshake; it has read nothing.
                    raise CallError(_uncertified(self.url, self._certificate), DENIED) from None
                raise CallError(f"{self.url} broke the connection off ({error})", UNREACHED, sent=True) from None
            return response.status, content
        raise AssertionError("unreachable: the last round returns or raises")

    def _connect(self) -> http.client.HTTPSConnection:
        doubt = ""
        for trust in self._place.trusts:
            connection = http.client.HTTPSConnection(
                self._place.host, self._place.port, timeout=self._timeout, context=trust
            )
            try:
                connection.connect()
            except ssl.SSLCertVerificationError as error:
                connection.close()
                doubt = error.verify_message
            except ssl.SSLError as error:
                raise CallError(
                    f"{self.url} does not speak TLS 1.3 with us ({error.reason}): is that a gateway?", UNREACHED
                ) from None
            except TimeoutError:
                raise CallError(
                    f"{self.url} does not answer: check the address, the cable and the network", UNREACHED
                ) from None
            except OSError as error:
                cure = (
                    "is the gateway running there, on that port?"
                    if isinstance(error, ConnectionRefusedError)
                    else "check the address"
                )
                raise CallError(f"{self.url}: {(error.strerror or str(error)).lower()}: {cure}", UNREACHED) from None
            else:
                self._connection = connection
                return connection
        vouching = " or ".join(map(str, self._place.vouching))
        raise CallError(
            f"{self.url} shows a certificate that {vouching} does not vouch for ({doubt}): "
            "it is another gateway, its authority was replaced, or the clock of this machine is wrong. Copy ca.pem "
            "anew from its state directory and give it with --ca. Where it shows a certificate of your own, name "
            "the authority of that with --ca, and a name that is in it with --url",
            UNREACHED,
        )


def _uncertified(url: str, shown: Path | None) -> str:
    """What to do where a gateway with ``[server] client_ca`` does not take what it was shown."""
    cure = f"--client-cert FILE, or {CERTIFICATE_VARIABLE} in the environment; also for commands on its own board"
    if shown is None:
        return (
            f"{url} asks every caller for a certificate ([server] client_ca), and none was shown: name a PEM file with "
            f"certificate and key, {cure}"
        )
    return (
        f"{url} asks for a certificate, and does not take {shown}: it has run out, or is not of the authority in its "
        f"[server] client_ca. Name another one: {cure}"
    )


def _given(token: str) -> str | None:
    """A token as somebody gave it; a file of Windows ends its line with one sign more."""
    token = token.strip()
    if not all("!" <= letter <= "~" for letter in token):
        words = "what was given is no token: copy the one line that ferrule token prints, whole and nothing else"
        raise CommandError(words, WRONG)
    return token or None


def refusal(error: Json, url: str) -> CallError:
    """What the gateway refuses with, in words."""
    code, data = error.get("code"), error.get("data") or {}
    reason = str(data.get("reason", error.get("message", "no reason given")))
    if code == _FORBIDDEN:
        needed = data.get("requiredScope")
        return CallError(f'{reason}: make a token with it (ferrule token --scope "{needed}")', DENIED)
    if code == _UNAUTHENTICATED:
        now = f"; the gateway's time is {data['serverTime']}" if "serverTime" in data else ""
        return CallError(f"{url} does not take the token: {reason}{now}", DENIED)
    if code == _TOO_MANY:
        return CallError(
            f"too many calls: {reason}; try again in {data.get('retryAfter', 1)} s, or raise [limits]", DENIED
        )
    if code in {_INVALID_PARAMS, _NOT_FOUND}:
        field, provided = data.get("field"), data.get("provided")
        for method, command in _COMMANDS.items():
            reason = reason.replace(method, command)
        said = f' "{provided}"' if isinstance(provided, str) else ""
        return CallError(f"{field}{said}: {reason}" if field and field not in {"tag", "tags"} else reason, WRONG)
    if code == _UNKNOWN_METHOD:
        return CallError(f"the gateway does not know {data.get('method', reason)}: it is of another version", FAILED)
    if code == _UNAVAILABLE:
        return CallError(f"{reason}; try again in {data.get('retryAfter', 1)} s", FAILED)
    where = f" (its log has more under {data['errorId']})" if "errorId" in data else ""
    return CallError(f"{error.get('message', 'error')}: {reason}{where}", FAILED)


def refused(status: int, problem: Json, url: str) -> CallError:
    """What a path under ``/v1`` refuses with (RFC 9457), in words."""
    reason = str(problem.get("detail") or problem.get("title") or "no reason given").removesuffix(".")
    error = next(iter(problem.get("errors") or [{}]))
    meta = error.get("meta") or {}
    if status == HTTPStatus.FORBIDDEN and "required_scope" in meta:
        needed = meta["required_scope"]
        return CallError(f'{reason}: make one that has it as well (ferrule token --scope "... {needed}")', DENIED)
    if status == HTTPStatus.UNAUTHORIZED:
        return CallError(f"{url} does not take the token: {reason}", DENIED)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return CallError(f"{reason}; try again in {meta.get('retry_after', 1)} s, or raise [limits]", DENIED)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return CallError(f"{reason}; try again in {meta.get('retry_after', 1)} s", FAILED)
    if status == HTTPStatus.FORBIDDEN:
        return CallError(reason, DENIED)
    if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}:
        return CallError(reason, WRONG)
    where = f" (its log has more under {error['id']})" if "id" in error else ""
    return CallError(f"{reason}{where}", FAILED)
