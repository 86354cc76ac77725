"""What an instance is asked from outside, and its refusals in words callers understand."""

from __future__ import annotations

from collections.abc import Mapping

import trio

from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.ports import Json
from gateway.plugins.host.conversation import AskedTooMuchError
from gateway.plugins.host.link import GoneError, Link, RefusedError
from gateway.plugins.host.messages import METHOD_NOT_FOUND, TooLargeError

# Messages that wait for an answer at once; what the host itself asks finds room beside them.
MOST_MESSAGES = 12


async def give_message(link: Link, message: Mapping[str, Json], seconds: float) -> Json:
    """Give it a message, and wait for its answer.

    Raises:
        GatewayError: INVALID, too large; UNAVAILABLE, it is gone, or ``data.code`` says ``timeout`` or ``failed``.
    """
    try:
        return await link.call("message", {**message, "deadline": seconds}, seconds)
    except RefusedError as error:
        reason = f"the plugin failed: {error.fault.message}"
        raise GatewayError(Code.UNAVAILABLE, reason, details={"code": "failed"}) from None
    except trio.TooSlowError:
        reason = f"no answer within {seconds:g} s"
        raise GatewayError(Code.UNAVAILABLE, reason, details={"code": "timeout"}) from None
    except (AskedTooMuchError, GoneError) as error:
        raise GatewayError(Code.UNAVAILABLE, str(error), details={"code": "busy"}) from None
    except TooLargeError as error:
        raise invalid("payload", str(error)) from None


async def give_config(link: Link, config: Mapping[str, Json], seconds: float) -> bool:
    """Give it another configuration; False: it does not know how to change it.

    Raises:
        GatewayError: INVALID, it refused; UNAVAILABLE, it did not answer.
    """
    try:
        await link.call("config", {"config": config}, seconds)
    except RefusedError as error:
        if error.fault.code == METHOD_NOT_FOUND:
            return False
        raise invalid("config", f"the plugin refuses it: {error.fault.message}") from None
    except TooLargeError as error:
        raise invalid("config", str(error)) from None
    except (trio.TooSlowError, AskedTooMuchError, GoneError):
        raise GatewayError(Code.UNAVAILABLE, "the instance does not take a configuration now") from None
    return True
