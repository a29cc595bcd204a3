"""paho-mqtt against a server: conversation.py VERSION TRANSPORT HOST PORT [CERTIFICATE]. Exit code 0 when everything came as it should.

VERSION is 3.1.1 or 5, TRANSPORT is tcp, tls, ws or wss.
"""

import queue
import ssl
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

DEADLINE = 20
version, transport, host, port = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
five = version == "5"


class Client:
    def __init__(self, client_id, clean=True, will=None):
        self.messages, self.connected = queue.Queue(), threading.Event()
        self.subscribed, self.session_present, self.reason = queue.Queue(), None, None
        protocol = mqtt.MQTTv5 if five else mqtt.MQTTv311
        websocket = transport in ("ws", "wss")
        options = {} if five else {"clean_session": clean}
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id, protocol=protocol,
            transport="websockets" if websocket else "tcp", **options,
        )
        if websocket:
            self.client.ws_set_options(path="/mqtt")
        if transport in ("tls", "wss"):
            self.client.tls_set(ca_certs=sys.argv[5], cert_reqs=ssl.CERT_REQUIRED)
        if will:
            self.client.will_set(*will)
        self.client.on_connect = self.on_connect
        self.client.on_message = lambda client, data, message: self.messages.put(message)
        self.client.on_subscribe = lambda client, data, mid, codes, properties: self.subscribed.put(codes)
        if five:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 0 if clean else 60
            self.client.connect(host, port, clean_start=clean, properties=properties)
        else:
            self.client.connect(host, port)
        self.client.loop_start()
        assert self.connected.wait(DEADLINE), "CONNACK came"
        assert self.reason == 0, f"refused: {self.reason}"

    def on_connect(self, client, data, flags, reason, properties):
        self.session_present, self.reason = flags.session_present, reason
        self.connected.set()

    def subscribe(self, topic, qos):
        self.client.subscribe(topic, options=SubscribeOptions(qos=qos)) if five else self.client.subscribe(topic, qos)
        codes = self.subscribed.get(timeout=DEADLINE)
        assert codes[0].value == qos, f"{topic} is granted: {codes}"

    def publish(self, topic, payload, qos=1, retain=False, properties=None):
        sent = self.client.publish(topic, payload, qos, retain, properties)
        sent.wait_for_publish(DEADLINE)
        assert sent.is_published(), f"{topic} is acknowledged"

    def receive(self):
        return self.messages.get(timeout=DEADLINE)

    def stop(self, politely=True):
        if politely:
            self.client.disconnect()
        else:
            self.client._sock_close()
        self.client.loop_stop()


# Every QoS there and back.
alice = Client("alice", will=("will/alice", "gone", 1))
bob = Client("bob")
bob.subscribe("chat/#", 2)
for qos in (0, 1, 2):
    alice.publish(f"chat/{qos}", "x" * 10_000, qos)
    message = bob.receive()
    assert (message.topic, message.qos, len(message.payload)) == (f"chat/{qos}", qos, 10_000), message

# Retained.
alice.publish("kept", "retained", retain=True)
bob.subscribe("kept", 1)
message = bob.receive()
assert message.payload == b"retained" and message.retain, message

# A session that waits.
absent = Client("absent", clean=False)
absent.subscribe("later", 1)
absent.stop()
alice.publish("later", "waited")
absent = Client("absent", clean=False)
assert absent.session_present, "the session is there"
assert absent.receive().payload == b"waited"
absent.stop()

if five:
    properties = Properties(PacketTypes.PUBLISH)
    properties.UserProperty = [("b", "1"), ("a", "2")]
    properties.ContentType = "text/plain"
    properties.ResponseTopic = "answers"
    properties.CorrelationData = b"\x00\x01"
    alice.publish("chat/properties", "x", properties=properties)
    got = bob.receive().properties
    assert got.UserProperty == [("b", "1"), ("a", "2")], got
    assert (got.ContentType, got.ResponseTopic, got.CorrelationData) == ("text/plain", "answers", b"\x00\x01"), got

# A will.
bob.subscribe("will/#", 1)
alice.stop(politely=False)
assert bob.receive().payload == b"gone"
bob.stop()
print(f"paho-mqtt {version} over {transport}: ok")
