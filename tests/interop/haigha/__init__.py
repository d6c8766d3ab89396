"""Stands in for the AMQP library of msgflo 0.4, which no Python 3 can import (it is written in
Python 2). It has what msgflo calls and no more, with haigha's own defaults, on pika. msgflo
itself runs as it is."""
