// An HTTP server that records what it is asked, and answers what it was told.
'use strict';
const http = require('http');
const { listen, tell } = require('./lines');

const state = { next: [], requests: [] };
const server = http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const { method, url, headers } = request;
    state.requests.push({ method, path: url, headers, body: Buffer.concat(chunks).toString() });
    const { status = 201, body = '{}' } = state.next.shift() || {};
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(body);
  });
});
server.listen(0, '127.0.0.1', () => tell({ port: server.address().port }));
listen((command) => {
  Object.assign(state, command);
  const { requests } = state;
  state.requests = [];
  return { requests };
});
