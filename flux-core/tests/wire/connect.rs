//! CONNECT (MQTT 5 §3.1).

use super::encode::{Publish, frame};
use super::packet::Version;
use super::property::{Field, Property, put_all};

#[derive(Debug, Clone)]
pub struct Connect {
    pub version: Version,
    pub client_id: String,
    pub clean: bool,
    pub keep_alive: u16,
    pub will: Option<Will>,
    pub username: Option<String>,
    pub password: Option<Vec<u8>>,
    pub properties: Vec<Property>,
}

#[derive(Debug, Clone)]
pub struct Will {
    /// Its properties are the will properties, the delay among them.
    pub message: Publish,
}

impl Connect {
    fn new(version: Version, client_id: &str) -> Connect {
        let client_id = client_id.to_owned();
        Connect {
            version,
            client_id,
            clean: true,
            keep_alive: 60,
            will: None,
            username: None,
            password: None,
            properties: Vec::new(),
        }
    }

    /// Clean start, no session expiry, keep alive of a minute.
    pub fn v5(client_id: &str) -> Connect {
        Connect::new(Version::V5, client_id)
    }

    pub fn v311(client_id: &str) -> Connect {
        Connect::new(Version::V311, client_id)
    }

    pub fn v31(client_id: &str) -> Connect {
        Connect::new(Version::V31, client_id)
    }

    /// A session that outlives its connection by an hour (version 3: for ever), taken up where it is.
    pub fn durable(self) -> Connect {
        match self.version {
            Version::V5 => self.resume().property(Property::SessionExpiry(3600)),
            _ => self.resume(),
        }
    }

    /// Clean start 0.
    pub fn resume(self) -> Connect {
        Connect { clean: false, ..self }
    }

    pub fn keep_alive(self, keep_alive: u16) -> Connect {
        Connect { keep_alive, ..self }
    }

    pub fn will(self, message: Publish) -> Connect {
        Connect { will: Some(Will { message }), ..self }
    }

    pub fn login(self, username: &str, password: &str) -> Connect {
        Connect { username: Some(username.to_owned()), password: Some(password.into()), ..self }
    }

    pub fn property(mut self, property: Property) -> Connect {
        self.properties.push(property);
        self
    }

    pub fn flags(&self) -> u8 {
        let will = self.will.as_ref().map_or(0, |will| 0x04 | will.message.qos << 3 | u8::from(will.message.retain) << 5);
        u8::from(self.clean) << 1 | will | u8::from(self.password.is_some()) << 6 | u8::from(self.username.is_some()) << 7
    }

    pub fn encode(&self) -> Vec<u8> {
        self.encode_with_flags(self.flags())
    }

    /// With connect flags that may contradict the payload.
    pub fn encode_with_flags(&self, flags: u8) -> Vec<u8> {
        let mut body = Vec::new();
        let name = if self.version == Version::V31 { "MQIsdp" } else { "MQTT" };
        name.to_owned().put(&mut body);
        body.push(self.version as u8);
        body.push(flags);
        self.keep_alive.put(&mut body);
        if self.version == Version::V5 {
            put_all(&self.properties, &mut body);
        }
        self.client_id.put(&mut body);
        if let Some(will) = &self.will {
            if self.version == Version::V5 {
                put_all(&will.message.properties, &mut body);
            }
            will.message.topic.put(&mut body);
            will.message.payload.put(&mut body);
        }
        if let Some(username) = &self.username {
            username.put(&mut body);
        }
        if let Some(password) = &self.password {
            password.put(&mut body);
        }
        frame(0x10, &body)
    }
}
