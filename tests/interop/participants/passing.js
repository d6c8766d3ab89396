// A repeater whose queues go away with it.
const repeat = require('./repeat');

module.exports = (client, role) => repeat(client, role, { persistent: false });
