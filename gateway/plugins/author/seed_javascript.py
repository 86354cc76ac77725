"""What a new plugin in JavaScript begins with: nothing but Node."""

from __future__ import annotations

MAIN = """\
"use strict";
// Publishes a tag in other units: value * factor + offset.

const { createInterface } = require("node:readline");

const waiting = new Map();
let last = 0;
let config = {};
let health = { status: "degraded", detail: "nothing was read yet" };

function converted(value, factor = 1, offset = 0) {
  return value * factor + offset;
}

// What is not known makes the result bad, never an invented number.
async function publish(reading) {
  const known = reading.value !== null;
  const value = known ? converted(Number(reading.value), config.factor, config.offset) : null;
  const quality = known ? reading.quality : "bad";
  await ask("reading.publish", { tag: config.result, value, quality, units: config.units ?? null });
  health = quality === "good" ? { status: "healthy" } : { status: "degraded", detail: reading.message };
}

async function begin() {
  await ask("event.subscribe", { name: "inputs", patterns: ["tag:changed"], filter: { tag: [config.tag] } });
  setInterval(attempt, 30000, look);
  await look();
}

// Only changes are told: what the tag says at the start, and again before the result counts as stale.
async function look() {
  const { readings } = await ask("tag.read", { tags: [config.tag] });
  await publish(readings[0]);
}

// What the gateway asks for. What takes long is begun and not waited for.
function take(method, params) {
  switch (method) {
    case "initialize":
      config = params.config;
      setImmediate(attempt, begin);
      return {};
    case "health":
      return health;
    case "event":
      if (params.subscriptions.includes("inputs")) attempt(() => publish(params.event.data));
      return {};
    case "shutdown":
      setImmediate(() => process.exit(0));
      return {};
    default:
      return undefined;
  }
}

function attempt(work) {
  work().catch((error) => {
    health = { status: "unhealthy", detail: error.message };
    send({ method: "log", params: { message: error.message, level: "error" } });
  });
}

// From here on: JSON-RPC 2.0, one message a line.

function send(message) {
  process.stdout.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\\n");
}

function ask(method, params) {
  return new Promise((resolve, reject) => {
    last += 1;
    waiting.set(last, { resolve, reject });
    send({ id: last, method, params });
  });
}

function receive(line) {
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
}

if (require.main === module) {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", receive);
  lines.on("close", () => process.exit(0));
}

module.exports = { converted };
"""

TEST = """\
"use strict";
// Tests of this plugin: node --test. They need no gateway.

const assert = require("node:assert");
const { spawn } = require("node:child_process");
const { join } = require("node:path");
const { createInterface } = require("node:readline");
const test = require("node:test");

const { converted } = require("./main.js");

test("a value is converted", () => {
  assert.strictEqual(converted(20, 1.8, 32), 68);
});

test("it publishes what the tag says", async () => {
  const plugin = spawn(process.execPath, [join(__dirname, "main.js")], { stdio: ["pipe", "pipe", "inherit"] });
  const say = (message) => plugin.stdin.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\\n");
  say({ id: 1, method: "initialize", params: { config: require("./config.example.json") } });
  for await (const line of createInterface({ input: plugin.stdout })) {
    const message = JSON.parse(line);
    if (message.method === "reading.publish") {
      assert.deepStrictEqual([message.params.tag, message.params.value], ["derived/fahrenheit", 68]);
      break;
    }
    const reading = { tag: "boiler/plc/temp", value: 20, quality: "good", message: null };
    if (message.method !== undefined) say({ id: message.id, result: { readings: [reading] } });
  }
  plugin.stdin.end();
});
"""
