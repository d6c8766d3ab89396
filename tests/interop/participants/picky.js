// Rejects what it is sent.
const msgflo = require('msgflo-nodejs');

module.exports = (client, role) => {
  const definition = {
    component: 'node/Picky',
    icon: 'thumbs-o-down',
    label: 'Reject everything',
    inports: [{ id: 'in', type: 'any' }],
    outports: [{ id: 'out', type: 'any' }],
  };
  const reject = (inport, data, send) => send('out', new Error('no, thank you'));
  return new msgflo.participant.Participant(client, definition, reject, role);
};
