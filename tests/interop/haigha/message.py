class Message(object):
    def __init__(self, body=b'', delivery_info=None):
        self.body = body
        self.delivery_info = delivery_info
