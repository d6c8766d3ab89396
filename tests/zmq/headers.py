"""Reads and writes what travels beside a payload: written from docs/zmq.md."""
import json, struct, sys
import zmq

url, role = sys.argv[1:]
inport, outport = f"{role}.IN".encode(), f"{role}.OUT".encode()
socket = zmq.Context.instance().socket(zmq.DEALER)
socket.connect(url)

def number(value):
    return struct.pack(">Q", value)

def send(command, n, *arguments):
    socket.send_multipart([b"MSGFLO1", command, number(n), *arguments])

def write(extras):
    return json.dumps(extras).encode()

def read(message):
    """Content type, id, payload, time of sending, extras."""
    content_type, message_id, payload, *more = message
    sent_at, extras = (more + [b"", b""])[:2]
    return content_type, message_id, payload, sent_at, json.loads(extras or b"{}")

send(b"HELLO", 1, b"python", number(60_000), b"extras")
send(b"DECLARE", 2, b"in", inport)
send(b"DECLARE", 3, b"out", outport)
send(b"CONSUME", 4, inport, number(10))
requests = 4
while True:
    _, command, n, *arguments = socket.recv_multipart()
    if command == b"ERROR":
        sys.exit(f"the hub refused: {arguments[2].decode()}")
    if command == b"OK" and n == number(1):
        assert b"retry" in arguments[4].split(), arguments
    if command == b"OK" and n == number(4):
        print(f"{role} is ready", flush=True)
    if command != b"DELIVER":
        continue
    tag, redelivered, *message = arguments
    content_type, message_id, payload, sent_at, extras = read(message)
    headers = extras.get("headers", [])
    wanted = dict(headers).get("wanted")
    headers = [[name, value] for name, value in headers if name != "wanted"]
    if wanted == "retry":
        extras["headers"] = headers + [["attempt", "2"]]
        send(b"RETRY", 4, tag, number(10), write(extras))
    elif wanted == "reject":
        extras["headers"] = headers + [["msgflo-error", "no such phöto"]]
        send(b"REJECT", 4, tag, write(extras))
    else:
        extras["headers"] = headers + [["seen by", role], ["seen by", "a snake"]]
        requests += 1
        send(b"PUBLISH", requests, b"out", outport, content_type, message_id, payload, sent_at, write(extras))
        send(b"ACK", 4, tag)
