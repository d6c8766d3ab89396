// Reads an AsyncAPI document from standard input; fails with what is wrong with it.
const { createRequire } = require('node:module')
const load = createRequire(process.argv[2] + '/')
const Ajv = load('ajv')
const specs = load('@asyncapi/specs')

const document = JSON.parse(require('node:fs').readFileSync(0, 'utf8'))
// The schema brings its own copy of JSON Schema's.
const ajv = new Ajv({ strict: false, allErrors: true, meta: false, validateSchema: false, unicodeRegExp: false })
load('ajv-formats')(ajv)
const validate = ajv.compile(specs.schemas[document.asyncapi])
if (!validate(document)) {
  console.error(JSON.stringify(validate.errors, null, 1))
  process.exit(1)
}
