// The Kubernetes API for scales. Paths, methods and media types are those of the published OpenAPI of
// Kubernetes 1.13 (the first argument, from the package `kubernetes-client`), which later versions
// keep; objects are held against that of the version that the package `kubernetes-models` has.
'use strict';
const assert = require('assert');
const fs = require('fs');
const http = require('http');
const https = require('https');
const zlib = require('zlib');
const { faults } = require('./schema');
const { listen, tell } = require('./lines');

const [specification, certificate, key] = process.argv.slice(2);
const openapi = JSON.parse(zlib.gunzipSync(fs.readFileSync(specification)));
const state = { token: '', scales: {}, next: [], requests: [] };

const find = (path) => {
  for (const [template, operations] of Object.entries(openapi.paths)) {
    const pattern = template.replace(/\{\w+\}/g, '([a-z0-9.-]+)');
    const match = new RegExp(`^${pattern}$`).exec(path);
    if (match) return { operations, values: match.slice(1) };
  }
  return null;
};

const refuse = (code, reason, message, details) => ({
  code,
  body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, details, code },
});

const merged = (target, patch) => {
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) return patch;
  const result = { ...target };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merged(result[name], value);
  }
  return result;
};

const answer = async (request, text) => {
  const { method, url, headers } = request;
  state.requests.push({ method, path: url, body: text, headers });
  const scripted = state.next.shift();
  if (scripted) return scripted;
  if (state.token && headers.authorization !== `Bearer ${state.token}`) {
    return refuse(401, 'Unauthorized', 'Unauthorized');
  }
  const found = find(url);
  const operation = found && found.operations[method.toLowerCase()];
  if (!operation) return refuse(404, 'NotFound', 'the server could not find the requested resource');
  const wanted = operation.consumes;
  if (text && !wanted.includes(headers['content-type']) && !wanted.includes('*/*')) {
    return refuse(415, 'UnsupportedMediaType', `the body of the request was in an unknown format - accepted media types include: ${wanted.join(', ')}`);
  }
  const [, namespace, kind, name] = /namespaces\/(.*)\/(.*)\/(.*)\/scale$/.exec(url);
  const old = state.scales[`${namespace}/${kind}/${name}`];
  if (!old) return refuse(404, 'NotFound', `${kind}.apps "${name}" not found`, { name, group: 'apps', kind });
  if (old.forbidden) {
    return refuse(403, 'Forbidden', `${kind}.apps "${name}" is forbidden: User "system:serviceaccount:${namespace}:guv" cannot ${method.toLowerCase()} resource "${kind}/scale" in API group "apps" in the namespace "${namespace}"`);
  }
  let scale = {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name, namespace },
    // What is zero is left out, as the API server does it.
    spec: old.replicas ? { replicas: old.replicas } : {},
    status: { replicas: old.running || 0, selector: `app=${name}` },
  };
  if (method === 'PATCH') {
    scale = merged(scale, JSON.parse(text));
    const { Scale } = await import('kubernetes-models/autoscaling/v1');
    try {
      new Scale(scale).validate();
    } catch (error) {
      return refuse(422, 'Invalid', error.message);
    }
    old.replicas = old.stuck === undefined ? scale.spec.replicas : old.stuck;
    scale.spec = old.replicas ? { replicas: old.replicas } : {};
  }
  assert.deepStrictEqual(faults(openapi, operation.responses[200].schema, scale), []);
  return { code: 200, body: scale };
};

const serve = (request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    const { code, headers, body, silent } = await answer(request, Buffer.concat(chunks).toString());
    if (silent) return;
    response.writeHead(code, { 'Content-Type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
};

const server = certificate
  ? https.createServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key) }, serve)
  : http.createServer(serve);
server.listen(0, '127.0.0.1', () => tell({ port: server.address().port }));
listen((command) => {
  Object.assign(state, command);
  const { requests } = state;
  state.requests = [];
  return { requests, scales: state.scales };
});
