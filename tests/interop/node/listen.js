// The ws package as a client of the events: node listen.js PORT AUTHORITY TOKEN COUNT. Prints what it was told as JSON.
"use strict";

const { readFileSync } = require("node:fs");
const WebSocket = require("ws");

const [port, authority, token, count] = process.argv.slice(2);
const socket = new WebSocket(`wss://127.0.0.1:${port}/v1/events`, { ca: readFileSync(authority) });
const told = { frames: [], pongs: [], extensions: null, closed: null };

socket.on("open", () => {
  told.extensions = socket.extensions;
  socket.send(JSON.stringify({ type: "auth", token }));
  // In pieces, in the middle of a letter, with a ping between them.
  const asked = Buffer.from(JSON.stringify({ type: "subscribe", patterns: ["alarm:*"], filter: { name: ["größer"] } }));
  const cut = asked.indexOf(Buffer.from("ö")) + 1;
  socket.send(asked.subarray(0, cut), { fin: false, binary: false });
  socket.ping("between");
  socket.send(asked.subarray(cut), { fin: true, binary: false });
});
socket.on("pong", (data) => told.pongs.push(data.toString()));
socket.on("message", (data, binary) => {
  told.frames.push(binary ? null : JSON.parse(data.toString()));
  if (told.frames.length === 2 + Number(count)) {
    socket.close(4000, "enough");
  }
});
socket.on("close", (code, reason) => {
  told.closed = [code, reason.toString()];
  console.log(JSON.stringify(told));
});
socket.on("error", (error) => {
  console.error(error);
  process.exit(1);
});
