// Calls a server as KEDA does, with a client that is made of the protocol's definition.
'use strict';
const path = require('path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const { listen, tell } = require('./lines');

const definition = loader.loadSync(path.join(process.argv[2], 'externalscaler.proto'), {
  keepCase: true,
  longs: Number,
  defaults: true,
});
const { externalscaler } = grpc.loadPackageDefinition(definition);
const client = new externalscaler.ExternalScaler(process.argv[3], grpc.credentials.createInsecure());

const failure = (error) => ({ code: grpc.status[error.code], details: error.details });

tell({ ready: true });
listen(({ call, stream, request }) => {
  if (stream) {
    const events = client[stream](request);
    events.on('data', (data) => tell({ stream: data }));
    events.on('error', () => {});
    events.on('status', (status) => tell({ stream: status.code ? failure(status) : 'end' }));
    return { started: true };
  }
  const deadline = Date.now() + 30_000;
  return new Promise((resolve) => {
    client[call](request, { deadline }, (error, answer) => resolve(error ? failure(error) : { ok: answer }));
  });
});
