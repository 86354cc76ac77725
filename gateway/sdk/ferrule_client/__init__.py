"""Client kit for agents on the LAN of a Ferrule edge gateway.

Begin with `FerruleClient`, or `AsyncFerruleClient` on trio or asyncio.
"""

from .agents import (
    AddressCheck,
    Agent,
    Agents,
    AgentStatus,
    Announced,
    CardCheck,
    CardIssue,
    Heartbeat,
    Registration,
    Service,
    Services,
)
from .alarms import Alarm, Alarms
from .async_client import AsyncFerruleClient
from .async_event_stream import AsyncEventStream
from .client import FerruleClient
from .effects import Report
from .enrolment import Enrolment
from .errors import (
    AgentNotFoundError,
    AuthenticationError,
    AuthorizationError,
    CapabilityNotFoundError,
    ConfigurationError,
    ConflictError,
    EventsMissedError,
    FerruleError,
    InternalError,
    InvalidParamsError,
    InvalidRequestError,
    MethodNotFoundError,
    NotFoundError,
    NotPrivateError,
    NotTrustedError,
    ParseError,
    ProtocolError,
    RateLimitError,
    RpcError,
    UnavailableError,
    UnreachableError,
)
from .event_stream import EventStream
from .events import Event, Events
from .heartbeats import Heartbeats
from .keys import Ed25519Key, SharedSecret, SigningKey
from .messages import Message, Messages, Sent
from .rpc import Call
from .tags import History, Outcome, Quality, Reading, Sample, Tag, Tags, WriteResult
from .token_manager import TokenClaims, TokenError, TokenManager

__version__ = "0.1.0"

__all__ = [
    "AddressCheck",
    "Agent",
    "AgentNotFoundError",
    "AgentStatus",
    "Agents",
    "Alarm",
    "Alarms",
    "Announced",
    "AsyncEventStream",
    "AsyncFerruleClient",
    "AuthenticationError",
    "AuthorizationError",
    "Call",
    "CapabilityNotFoundError",
    "CardCheck",
    "CardIssue",
    "ConfigurationError",
    "ConflictError",
    "Ed25519Key",
    "Enrolment",
    "Event",
    "EventStream",
    "Events",
    "EventsMissedError",
    "FerruleClient",
    "FerruleError",
    "Heartbeat",
    "Heartbeats",
    "History",
    "InternalError",
    "InvalidParamsError",
    "InvalidRequestError",
    "Message",
    "Messages",
    "MethodNotFoundError",
    "NotFoundError",
    "NotPrivateError",
    "NotTrustedError",
    "Outcome",
    "ParseError",
    "ProtocolError",
    "Quality",
    "RateLimitError",
    "Reading",
    "Registration",
    "Report",
    "RpcError",
    "Sample",
    "Sent",
    "Service",
    "Services",
    "SharedSecret",
    "SigningKey",
    "Tag",
    "Tags",
    "TokenClaims",
    "TokenError",
    "TokenManager",
    "UnavailableError",
    "UnreachableError",
    "WriteResult",
]
