// What msgflo's own tests demand of a participant in another language, of the program in
// PARTICIPANT (a JSON array) whose component is COMPONENT.
require('coffeescript/register');
const msgflo = require('msgflo');
const { testParticipant } = require('msgflo/spec/heterogenous.coffee');

const { BROKER, COMPONENT, PARTICIPANT } = process.env;
const state = { commands: { [COMPONENT]: JSON.parse(PARTICIPANT) } };
before((done) => {
  state.broker = msgflo.transport.getBroker(BROKER);
  state.broker.connect(done);
});
after((done) => state.broker.disconnect(done));
testParticipant(state, COMPONENT, { timeout: 60 * 1000 });
