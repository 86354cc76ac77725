"""Receives webhooks: WEBHOOK_SECRET=whsec_... python webhook_receiver.py PORT CERTIFICATE KEY."""

import os
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

WEBHOOK = Webhook(os.environ["WEBHOOK_SECRET"])
SEEN: set[str] = set()  # kept on a disk by whoever must do nothing twice, also over a restart


class Receiver(BaseHTTPRequestHandler):  # noqa: D101 - the module says it
    def do_POST(self) -> None:  # noqa: D102 - the same
        try:
            event = WEBHOOK.verify(self.rfile.read(int(self.headers["Content-Length"])), dict(self.headers))
        except (WebhookVerificationError, ValueError):
            self.send_error(401)
            return
        if event["event_id"] not in SEEN:
            SEEN.add(event["event_id"])
            print(event["timestamp"], event["event_type"], event["data"], flush=True)
        self.send_response(204)
        self.end_headers()


server = ThreadingHTTPServer(("", int(sys.argv[1])), Receiver)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(*sys.argv[2:4])
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
