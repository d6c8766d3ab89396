// Heroku's Platform API for formations. Every request, and every answer, is held against the
// hyper-schema that Heroku publishes in its package `heroku-client`.
'use strict';
const assert = require('assert');
const http = require('http');
const schema = require('heroku-client/lib/schema');
const { faults } = require('./schema');
const { listen, tell } = require('./lines');

const { formation } = schema.definitions;
const state = { key: '', apps: {}, next: [], requests: [], pages: 0 };

const fits = (of, value) => faults(schema, of, value).length === 0;

// The link of the schema that a request follows, and the values in its path.
const find = (method, path) => {
  for (const link of formation.links) {
    const wanted = link.href.split('/');
    const given = path.split('/').map(decodeURIComponent);
    const variables = [];
    const same = wanted.length === given.length && wanted.every((part, at) => {
      const variable = /^\{\((.*)\)\}$/.exec(part);
      if (!variable) return part === given[at];
      variables.push(given[at]);
      return fits({ $ref: decodeURIComponent(variable[1]) }, given[at]);
    });
    if (same && link.method === method) return { link, variables };
  }
  return null;
};

const shown = (app, type) => ({
  app: { id: '01234567-89ab-cdef-0123-456789abcdef', name: app },
  command: `bin/${type.type}`,
  created_at: '2012-01-01T12:00:00Z',
  id: '01234567-89ab-cdef-0123-456789abcdef',
  quantity: type.quantity,
  size: type.size || 'standard-1X',
  type: type.type,
  updated_at: '2012-01-01T12:00:00Z',
});

const refuse = (status, id, message, more = {}) => ({ status, body: { id, message, ...more } });

const answer = (request, body) => {
  const { method, headers } = request;
  state.requests.push({ method, path: request.url, body, headers });
  const scripted = state.next.shift();
  if (scripted) return scripted;
  if (headers.accept !== 'application/vnd.heroku+json; version=3') {
    return refuse(400, 'bad_version', `unknown version in Accept: ${headers.accept}`);
  }
  if (headers.authorization !== `Bearer ${state.key}`) {
    return refuse(401, 'unauthorized', 'Invalid credentials provided.');
  }
  const found = find(method, request.url);
  if (!found) return refuse(400, 'bad_request', `the schema has no ${method} ${request.url}`);
  const { link, variables: [app] } = found;
  if (link.schema) {
    if (headers['content-type'] !== 'application/json') {
      return refuse(400, 'bad_request', `Content-Type: ${headers['content-type']}`);
    }
    const wrong = faults(schema, link.schema, body);
    if (wrong.length) return refuse(400, 'bad_request', wrong.join('; '));
  }
  const types = state.apps[app];
  if (!types) return refuse(404, 'not_found', "Couldn't find that app.", { resource: 'app' });
  if (method === 'GET') {
    if (!state.pages) return { status: 200, body: types.map((type) => shown(app, type)) };
    const first = Number(headers.range || 0);
    const last = first + state.pages;
    return {
      status: last < types.length ? 206 : 200,
      headers: last < types.length ? { 'Next-Range': String(last) } : {},
      body: types.slice(first, last).map((type) => shown(app, type)),
    };
  }
  const updates = body.updates.map((update) => [types.find((one) => one.type === update.type), update]);
  if (updates.some(([type]) => !type)) {
    return refuse(404, 'not_found', "Couldn't find that process type.", { resource: 'formation' });
  }
  const beyond = updates.find(([type, { quantity }]) => quantity > (type.limit || 100));
  if (beyond) {
    return refuse(422, 'invalid_params', `Cannot update to more than ${beyond[0].limit || 100} ${beyond[0].type} processes.`);
  }
  for (const [type, { quantity, size }] of updates) {
    type.quantity = type.stuck === undefined ? quantity : type.stuck;
    if (size) type.size = size;
  }
  return { status: 200, body: updates.map(([type]) => shown(app, type)) };
};

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const text = Buffer.concat(chunks).toString();
    const { status, headers, body, silent } = answer(request, text ? JSON.parse(text) : undefined);
    if (silent) return;
    if (status < 300 && typeof body !== 'string') {
      assert.deepStrictEqual(faults(schema, find(request.method, request.url).link.targetSchema, body), []);
    }
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
});

server.listen(0, '127.0.0.1', () => tell({ port: server.address().port }));
listen((command) => {
  Object.assign(state, command);
  const { requests } = state;
  state.requests = [];
  return { requests, apps: state.apps };
});
