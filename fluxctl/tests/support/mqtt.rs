use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A device with a durable MQTT 3.1.1 session, as few bytes as that takes: the tools are under test here, not the protocol.
pub struct Device(TcpStream);

impl Device {
    /// Connected (CONNACK is there) when this returns.
    pub fn connect(address: &str, client_id: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout can be set");
        let mut device = Device(stream);
        // MQTT 3.1.1 §3.1: protocol name and level, no clean session, keep-alive 60 s.
        let mut body = b"\0\x04MQTT\x04\0\0\x3c".to_vec();
        body.extend(text(client_id));
        device.send(0x10, &body);
        // Its first byte says whether the session was there before.
        let (kind, body) = device.receive();
        assert_eq!((kind, body[1]), (0x20, 0), "CONNACK accepts");
        device
    }

    /// Subscribed (SUBACK is there) when this returns.
    pub fn subscribe(&mut self, filter: &str) {
        let mut body = vec![0, 1];
        body.extend(text(filter));
        body.push(1);
        self.send(0x82, &body);
        // What has waited for the session may come first.
        let granted = std::iter::repeat_with(|| self.receive()).find(|(kind, _)| kind >> 4 != 3);
        assert_eq!(granted, Some((0x90, vec![0, 1, 1])), "SUBACK grants QoS 1");
    }

    /// The server closes the connection.
    pub fn closed(&mut self) -> bool {
        matches!(self.0.read(&mut [0; 64]), Ok(0)) || self.0.peek(&mut [0]).is_err()
    }

    fn send(&mut self, kind: u8, body: &[u8]) {
        let length = u8::try_from(body.len()).ok().filter(|length| *length < 128).expect("a short packet");
        self.0.write_all(&[&[kind, length], body].concat()).expect("the server reads");
    }

    fn receive(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).expect("the server answers");
        let mut body = vec![0; head[1].into()];
        self.0.read_exact(&mut body).expect("the answer is whole");
        (head[0], body)
    }
}

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("a short text");
    [&length.to_be_bytes(), text.as_bytes()].concat()
}
