// Holds manifests against the published schemas of Kubernetes and KEDA, and shows them as JSON.
'use strict';
const fs = require('fs');
const { parse, parseAllDocuments } = require('yaml');
const { tell } = require('./lines');

// A value that knows which of its fields were looked at: a validator looks at those of its schema.
const watched = (value, path, unseen) => {
  if (value === null || typeof value !== 'object') return value;
  const inner = Array.isArray(value) ? [] : {};
  for (const [key, field] of Object.entries(value)) {
    inner[key] = watched(field, `${path}/${key}`, unseen);
    unseen.add(`${path}/${key}`);
  }
  return new Proxy(inner, {
    get: (target, key) => {
      unseen.delete(`${path}/${String(key)}`);
      return target[key];
    },
  });
};

const read = async (file) => {
  const documents = parseAllDocuments(fs.readFileSync(file, 'utf8'), { strict: true });
  const shown = [];
  for (const document of documents) {
    if (document.errors.length) throw new Error(`${file}: ${document.errors[0].message}`);
    const manifest = document.toJS();
    const { apiVersion, kind } = manifest;
    const package_ = apiVersion.startsWith('keda.sh/') ? '@kubernetes-models/keda' : 'kubernetes-models';
    const { [kind]: Model } = await import(`${package_}/${apiVersion}`);
    if (!Model) throw new Error(`${file}: there is no ${kind} in ${apiVersion}`);
    try {
      const model = new Model(manifest);
      const unseen = new Set();
      for (const [key, field] of Object.entries(manifest)) model[key] = watched(field, key, unseen);
      model.validate();
      if (unseen.size) throw new Error(`the schema has no ${[...unseen].join(', ')}`);
    } catch (error) {
      throw new Error(`${file}: ${kind} ${manifest.metadata.name}: ${error.message}`);
    }
    const files = Object.entries(kind === 'ConfigMap' ? manifest.data : {});
    const parsed = Object.fromEntries(files.map(([name, text]) => [name, parse(text)]));
    shown.push({ ...manifest, parsed });
  }
  return shown;
};

Promise.all(process.argv.slice(2).map(read)).then(tell, (error) => {
  console.error(error.message);
  process.exit(1);
});
