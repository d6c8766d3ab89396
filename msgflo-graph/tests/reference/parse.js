// Reads JSON from standard input: [{ text, caseSensitive }, …], and writes what the reference
// parser makes of each: { graph } or { error }.
const fbp = require(process.argv[2]);
const texts = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const results = texts.map(({ text, caseSensitive }) => {
  try {
    return { graph: fbp.parse(text, { caseSensitive }) };
  } catch (error) {
    return { error: String(error.message) };
  }
});
process.stdout.write(JSON.stringify(results));
