// Receives webhooks: WEBHOOK_SECRET=whsec_... node webhook_receiver.js PORT CERTIFICATE KEY
const { readFileSync } = require("node:fs");
const { createServer } = require("node:https");
const { Webhook } = require("standardwebhooks");

const [port, certificate, key] = process.argv.slice(2);
const webhook = new Webhook(process.env.WEBHOOK_SECRET);
const seen = new Set(); // kept on a disk by whoever must do nothing twice, also over a restart

async function receive(request, response) {
  const chunks = [];
  try {
    for await (const chunk of request) chunks.push(chunk);
    const event = webhook.verify(Buffer.concat(chunks), request.headers);
    if (!seen.has(event.event_id)) console.log(event.timestamp, event.event_type, JSON.stringify(event.data));
    seen.add(event.event_id);
    response.writeHead(204).end();
  } catch {
    response.writeHead(401).end();
  }
}

createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, receive).listen(Number(port));
