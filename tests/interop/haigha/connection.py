import pika

from haigha.message import Message


class Connection(object):
    close_info = None

    def __init__(self, host, port, vhost, user, password, transport, close_cb, logger):
        credentials = pika.PlainCredentials(user, password)
        parameters = pika.ConnectionParameters(host, port, vhost, credentials)
        self._connection = pika.BlockingConnection(parameters)

    def channel(self):
        return Channel(self._connection.channel())

    def read_frames(self):
        self._connection.process_data_events(time_limit=0)

    def close(self):
        self._connection.close()


class Channel(object):
    def __init__(self, channel):
        self.basic = Basic(channel)
        self.exchange = Exchange(channel)
        self.queue = Queue(channel)

    def add_close_listener(self, listener):
        pass


class Basic(object):
    def __init__(self, channel):
        self._channel = channel

    def ack(self, delivery_tag):
        self._channel.basic_ack(delivery_tag)

    def publish(self, message, exchange, routing_key):
        self._channel.basic_publish(exchange, routing_key, message.body)

    def consume(self, queue, consumer, no_ack):
        def deliver(channel, method, properties, body):
            consumer(Message(body, {'delivery_tag': method.delivery_tag}))

        self._channel.basic_consume(queue, deliver, auto_ack=no_ack)


class Exchange(object):
    def __init__(self, channel):
        self._channel = channel

    def declare(self, exchange, type):
        self._channel.exchange_declare(exchange, type, durable=False, auto_delete=False)


class Queue(object):
    def __init__(self, channel):
        self._channel = channel

    def declare(self, queue):
        self._channel.queue_declare(queue, durable=False, exclusive=False, auto_delete=True)
