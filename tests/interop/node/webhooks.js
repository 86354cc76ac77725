// A receiver of webhooks made of what others wrote: Node's https server, standardwebhooks, @octokit/webhooks-methods,
// and for the signature within the body a canonical form (RFC 8785) that is what JavaScript itself writes, keys sorted.
// Arguments: a certificate, its key, the secret as it was given. Prints its port, then a line of JSON for each delivery.
"use strict";

const crypto = require("node:crypto");
const fs = require("node:fs");
const https = require("node:https");
const { Webhook } = require("standardwebhooks");

const [certificate, key, secret] = process.argv.slice(2);
const verifier = new Webhook(Buffer.from(secret).toString("base64"));

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

function proven(check) {
  try {
    check();
    return true;
  } catch (error) {
    return String(error);
  }
}

async function main() {
  const { verify } = await import("@octokit/webhooks-methods");
  const server = https.createServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key) }, (call, answer) => {
    const chunks = [];
    call.on("data", (chunk) => chunks.push(chunk));
    call.on("end", async () => {
      const raw = Buffer.concat(chunks).toString("utf8");
      const { signature, ...rest } = JSON.parse(raw);
      const proof = crypto.createHmac("sha256", secret).update(canonical(rest)).digest("hex");
      const result = {
        id: call.headers["webhook-id"],
        standard: proven(() => verifier.verify(raw, call.headers)),
        forged: proven(() => verifier.verify(raw.replace("attempt", "Attempt"), call.headers)),
        octokit: await verify(secret, raw, call.headers["x-hub-signature-256"]),
        body: signature === undefined ? null : signature === `sha256=${proof}`,
        canonical: canonical(JSON.parse(raw)) === raw,
        headers: call.headers,
        raw,
      };
      answer.writeHead(204).end();
      process.stdout.write(`${JSON.stringify(result)}\n`);
    });
  });
  server.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));
}

main();
