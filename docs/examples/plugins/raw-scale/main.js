"use strict";
// Protocol reader: a scale on a raw serial line that says "ST,GS,+  12.34kg" (stable) or "US,GS,+  12.30kg" (moving).
// No kit, only what Node brings along: this is all of the protocol between plugin and gateway that most plugins need.

const { createInterface } = require("node:readline");

const FORM = /^(ST|US|OL),(GS|NT),([+-])\s*(\d+(?:\.\d+)?)\s*(kg|g|lb|t)\s*$/;
const waiting = new Map();
let last = 0;
let config = {};
let timer = null;
let health = { status: "degraded", detail: "nothing was weighed yet" };

function send(message) {
  process.stdout.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\n");
}

function ask(method, params) {
  return new Promise((resolve, reject) => {
    last += 1;
    waiting.set(last, { resolve, reject });
    send({ id: last, method, params });
  });
}

function parse(text) {
  const found = FORM.exec(text.trim());
  if (found === null) return null;
  const [, state, , sign, digits, units] = found;
  if (state === "OL") return { value: null, quality: "bad", units };
  return { value: Number(sign + digits), quality: state === "ST" ? "good" : "uncertain", units };
}

async function weigh() {
  try {
    const heard = await ask("serial.read", { line: config.line });
    const weight = heard.text === null ? null : parse(heard.text);
    if (weight === null) {
      health = { status: "degraded", detail: heard.message ?? `not understood: ${heard.text}` };
      await ask("reading.publish", { tag: config.tag, value: null, quality: "bad" });
    } else {
      health = { status: "healthy" };
      await ask("reading.publish", { tag: config.tag, ...weight, timestamp: heard.timestamp });
    }
  } catch (error) {
    health = { status: "unhealthy", detail: error.message };
  }
}

function again() {
  weigh().finally(() => {
    timer = setTimeout(again, config.period * 1000);
  });
}

function take(method, params) {
  switch (method) {
    case "initialize":
      config = { period: 1, ...params.config };
      setImmediate(again);
      return {};
    case "health":
      return health;
    case "config":
      config = { period: 1, ...params.config };
      return {};
    case "shutdown":
      clearTimeout(timer);
      setImmediate(() => process.exit(0));
      return {};
    default:
      return undefined;
  }
}

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const message = JSON.parse(line);
  if (message.method !== undefined) {
    const result = take(message.method, message.params ?? {});
    if (message.id === undefined) return;
    if (result === undefined) send({ id: message.id, error: { code: -32601, message: "no such method" } });
    else send({ id: message.id, result });
  } else if (waiting.has(message.id)) {
    const { resolve, reject } = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error === undefined) resolve(message.result);
    else reject(new Error(message.error.message));
  }
});
lines.on("close", () => process.exit(0));
