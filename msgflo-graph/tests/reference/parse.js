// Reads JSON from standard input: [{ text, caseSensitive }, …], and writes what the reference
// parser makes of each: { graph } or { error }.
const fbp = require(process.argv[2]);
const texts = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const results = texts.map(({ text, caseSensitive }) => {
  try {
    const graph = fbp.parse(text, { caseSensitive });
    // Half a surrogate pair is no text, and infinity no JSON: outside of JavaScript, errors.
    const finite = (key, value) => {
      if (value === Infinity || value === -Infinity) throw new Error('infinite');
      return value;
    };
    if (/\\ud[89a-f]/.test(JSON.stringify(graph.connections, finite))) throw new Error('half');
    return { graph };
  } catch (error) {
    return { error: String(error.message) };
  }
});
process.stdout.write(JSON.stringify(results));
