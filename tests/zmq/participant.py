"""Passes on what comes in: a MsgFlo participant on ZeroMQ, written from docs/zmq.md."""
import json, struct, sys, time
import zmq

url, role = sys.argv[1:]
inport, outport = f"{role}.IN".encode(), f"{role}.OUT".encode()
timeout, period = 10_000, 60_000  # ms
definition = {"protocol": "discovery", "command": "participant", "payload": {
    "id": f"{role}-python", "role": role, "component": "python/Repeat",
    "label": "Passes on what comes in", "icon": "file-word-o",
    "inports": [{"id": "in", "type": "any", "queue": inport.decode()}],
    "outports": [{"id": "out", "type": "any", "queue": outport.decode()}]}}

def number(value):
    return struct.pack(">Q", value)

class Client:
    def __init__(self):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.connect(url)
        self.requests = 0
        self.heard = time.monotonic()

    def send(self, command, n, *arguments):
        self.socket.send_multipart([b"MSGFLO1", command, number(n), *arguments])

    def request(self, command, *arguments):
        self.requests += 1
        self.send(command, self.requests, *arguments)
        return self.requests

    def receive(self):
        """The next message, or None if there was none for a second."""
        if not self.socket.poll(1000):
            self.send(b"PING", 0)
            if time.monotonic() - self.heard > timeout / 1000:
                sys.exit("the hub is silent")
            return None
        self.heard = time.monotonic()
        protocol, command, n, *arguments = self.socket.recv_multipart()
        if command == b"ERROR":
            sys.exit(f"the hub refused: {arguments[2].decode()}")
        return command, struct.unpack(">Q", n)[0], arguments

client = Client()
client.request(b"HELLO", b"python", number(timeout))
client.request(b"DECLARE", b"in", inport)
client.request(b"DECLARE", b"out", outport)
consumer = client.request(b"CONSUME", inport, number(10))
announced, unanswered = 0, {}
while True:
    if time.monotonic() - announced > period / 1000 / 2.2:
        client.request(b"ANNOUNCE", number(period), json.dumps(definition).encode())
        announced = time.monotonic()
    received = client.receive()
    if received and received[0] == b"DELIVER":
        tag, redelivered, content_type, message_id, payload = received[2]
        sent = client.request(b"PUBLISH", b"out", outport, content_type, message_id, payload)
        unanswered[sent] = tag
    elif received and received[0] == b"OK":
        if received[1] in unanswered:  # what came of it is confirmed
            client.send(b"ACK", consumer, unanswered.pop(received[1]))
        elif received[1] == consumer:
            print(f"{role} is ready", flush=True)
