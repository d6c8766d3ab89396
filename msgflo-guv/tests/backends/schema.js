// Whether a value is of a published schema.
'use strict';
const { Validator } = require('jsonschema');

// A schema with what it refers to within a document in place.
const inlined = (document, schema) => {
  if (Array.isArray(schema)) return schema.map((one) => inlined(document, one));
  if (schema === null || typeof schema !== 'object') return schema;
  if (typeof schema.$ref === 'string') {
    const path = schema.$ref.replace(/^#\//, '').split('/');
    return inlined(document, path.reduce((at, key) => at[key], document));
  }
  // `id` may also be the name of a property.
  const plain = ([key, value]) => !['$schema', 'definitions', 'links'].includes(key) && !(key === 'id' && typeof value === 'string');
  const entries = Object.entries(schema).filter(plain);
  return Object.fromEntries(entries.map(([key, value]) => [key, inlined(document, value)]));
};

// What is wrong with a value, in sentences.
exports.faults = (document, schema, value) => {
  const { errors } = new Validator().validate(value, inlined(document, schema));
  return errors.map((error) => `${error.property} ${error.message}`);
};
