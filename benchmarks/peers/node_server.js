// Node's own https server.
'use strict';
const { createHmac, timingSafeEqual } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { createServer } = require('node:https');

const [certificate, port, secret] = process.argv.slice(2);
const reading = {
  tag: 'line0/device/t0', value: 42, quality: 'good', reason: null, timestamp: '2026-01-01T00:00:00.000Z',
  clock: 'synchronised', sequence: 1, units: null,
};

function allowed(authorization) {
  const token = (authorization || '').replace('Bearer ', '');
  const cut = token.lastIndexOf('.');
  const signed = token.slice(0, cut);
  const given = Buffer.from(token.slice(cut + 1), 'base64url');
  const right = createHmac('sha256', secret).update(signed).digest();
  if (given.length !== right.length || !timingSafeEqual(given, right)) return false;
  const claims = JSON.parse(Buffer.from(signed.split('.')[1], 'base64url'));
  return claims.exp > Date.now() / 1000 && claims.scope.split(' ').includes('devices:read');
}

function answer(call) {
  if (call.method !== 'tag.read' || call.params.tags[0] !== reading.tag) {
    return { jsonrpc: '2.0', id: call.id, error: { code: -32601, message: 'Method not found' } };
  }
  return { jsonrpc: '2.0', id: call.id, result: { readings: [reading] } };
}

createServer({ key: readFileSync(certificate), cert: readFileSync(certificate) }, (request, response) => {
  if (request.url !== '/api/v1/rpc' || !allowed(request.headers.authorization)) {
    response.writeHead(401).end();
    return;
  }
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const body = JSON.stringify(answer(JSON.parse(Buffer.concat(parts))));
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
    response.end(body);
  });
}).listen(Number(port), '127.0.0.1');
