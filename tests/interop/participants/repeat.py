"""A repeater in Python: repeat.py ROLE [QUEUE], where QUEUE is the inport's if not ROLE/in."""

import sys

import msgflo


class Repeat(msgflo.Participant):
    def __init__(self, role):
        inport = {'id': 'in', 'type': 'any'}
        if len(sys.argv) > 2:
            inport['queue'] = sys.argv[2]
        definition = {
            'component': 'python/Repeat',
            'label': 'Repeat what comes in',
            'inports': [inport],
            'outports': [{'id': 'out', 'type': 'any'}],
        }
        msgflo.Participant.__init__(self, definition, role)

    def process(self, inport, msg):
        self.send('out', msg.data)
        self.ack(msg)


if __name__ == '__main__':
    msgflo.main(Repeat, role=sys.argv[1])
