// Repeats what comes in, like the example of msgflo-nodejs, but under a name with a library:
// msgflo's coordinator fails on `rust/Repeat` once it knows a plain `Repeat`.
const msgflo = require('msgflo-nodejs');

module.exports = (client, role, portOptions = {}) => {
  const definition = {
    component: 'node/Repeat',
    icon: 'retweet',
    label: 'Repeat what comes in',
    inports: [{ id: 'in', type: 'any', ...portOptions }],
    outports: [{ id: 'out', type: 'any', ...portOptions }],
  };
  const repeat = (inport, data, send) => send('out', null, data);
  return new msgflo.participant.Participant(client, definition, repeat, role);
};
