// A conversation with the test that started this: a JSON text in each line.
'use strict';
const readline = require('readline');

exports.tell = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

// Answers each line with what `answer` makes of it; ends with the test.
exports.listen = (answer) => {
  const lines = readline.createInterface({ input: process.stdin });
  lines.on('line', async (line) => exports.tell(await answer(JSON.parse(line))));
  lines.on('close', () => process.exit(0));
};
