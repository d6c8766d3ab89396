// The program msgflo-send-message. The npm package's bin/msgflo-send-message looks for it in a
// folder that is not there.
require('msgflo/lib/utils/send').main();
