// Knows nothing of MsgFlo: publishes what is on standard input to a topic, and prints what comes
// on another, as hexadecimal digits.
const readline = require('readline');
const mqtt = require('mqtt');

const [, , url, to, from] = process.argv;
const client = mqtt.connect(url);
client.on('message', (topic, payload) => console.log(payload.toString('hex')));
client.once('connect', () => client.subscribe(from, (error) => {
  if (error) throw error;
  console.log('ready');
  readline.createInterface({ input: process.stdin })
    .on('line', (line) => client.publish(to, Buffer.from(line, 'hex')));
}));
