"""``token.revoke``: one token ends, and nothing else."""

from __future__ import annotations

from pathlib import Path

import httpx
import jwt
import pytest

from tests.gateway.api.rig import Rig, error, result


def id_of(bearer: dict[str, str]) -> str:
    token = bearer["Authorization"].removeprefix("Bearer ")
    token_id: str = jwt.decode(token, options={"verify_signature": False})["jti"]
    return token_id


def as_(client: httpx.AsyncClient, bearer: dict[str, str]) -> httpx.AsyncClient:
    """The client, calling with this token from now on."""
    client.headers.update(bearer)
    return client


async def test_a_token_that_got_into_wrong_hands_ends_at_once_and_over_a_restart(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    stolen, other = rig.bearer("devices:read"), rig.bearer("devices:read")
    async with rig.in_memory() as client:
        assert "lines" in await result(as_(client, stolen), "line.list")
        answer = await result(as_(client, rig.bearer("*")), "token.revoke", {"tokenId": id_of(stolen)})
        assert answer == {"revoked": True, "tokenId": id_of(stolen)}
        refused = await error(as_(client, stolen), "line.list")
        assert (refused["code"], refused["data"]["reason"]) == (-32001, "the token was revoked: issue a new one")
        assert "lines" in await result(as_(client, other), "line.list")
    [noted] = rig.audit.of("token.revoke")
    assert noted.target == id_of(stolen)
    async with Rig(tmp_path, earlier=rig).in_memory() as client:
        assert (await error(as_(client, stolen), "line.list"))["code"] == -32001
        assert "lines" in await result(as_(client, other), "line.list")


@pytest.mark.parametrize("scope", ["system:write", "agents:write", "system:*"])
async def test_who_may_not_do_everything_ends_nobody(rig: Rig, scope: str) -> None:
    async with rig.in_memory() as client:
        refused = await error(as_(client, rig.bearer(scope)), "token.revoke", {"tokenId": "9xTq2mVb0aYc1dEf"})
    assert refused["code"] == -32002


@pytest.mark.parametrize("token_id", ["", "short", "a b c d e f g h", "x" * 65, "../../etc/passwd"])
async def test_what_is_no_id_is_not_remembered(rig: Rig, token_id: str) -> None:
    async with rig.in_memory() as client:
        refused = await error(as_(client, rig.bearer("*")), "token.revoke", {"tokenId": token_id})
    assert (refused["code"], refused["data"]["field"]) == (-32602, "tokenId")
    assert not rig.facts.recall("token_revoked")
