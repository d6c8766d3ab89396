// Runs the coordinator of msgflo. Prints what it discovers, a JSON array a line, and calls the
// method that a line on standard input names: ["connect", "a", "out", "b", "in"].
const readline = require('readline');
const msgflo = require('msgflo');

const tell = (...what) => console.log(JSON.stringify(what));
const broker = msgflo.transport.getBroker(process.argv[2]);
const coordinator = new msgflo.coordinator.Coordinator(broker, { componentdir: 'none' });
coordinator.on('participant', (action, definition) => tell(action, definition));
coordinator.start((error) => {
  if (error) throw error;
  tell('started');
});
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const [method, ...parameters] = JSON.parse(line);
  coordinator[method](...parameters, (error) => {
    if (error) throw error;
    tell(method);
  });
});
