// jayson, a JSON-RPC client for Node, against a gateway: one call, then a batch with a notification and a mistake in it.
// Arguments: port, the gateway's ca.pem, a token, and one of its tags. Prints what came back as JSON.
"use strict";

const fs = require("node:fs");
const jayson = require("jayson");

const [port, authority, token, tag] = process.argv.slice(2);
const client = jayson.Client.https({
  host: "127.0.0.1",
  port: Number(port),
  path: "/api/v1/rpc",
  ca: fs.readFileSync(authority),
  headers: { authorization: `Bearer ${token}` },
});

client.request("server.info", {}, (error, single) => {
  if (error) throw error;
  const batch = [
    client.request("tag.read", { tags: [tag] }),
    client.request("server.health", {}, null),
    client.request("no.such.method", {}),
  ];
  client.request(batch, (failure, errors, successes) => {
    if (failure) throw failure;
    console.log(JSON.stringify({ single, errors, successes }));
  });
});
