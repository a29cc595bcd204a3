//! Properties (MQTT 5 §2.2.2) as one enum, encoded and decoded from one list.

use super::decode::Reader;

/// A value that knows its bytes.
pub trait Field: Sized {
    fn put(&self, into: &mut Vec<u8>);
    fn take(from: &mut Reader<'_>) -> Self;
}

/// Variable Byte Integer (MQTT 5 §1.5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable(pub u32);

pub fn put_variable(mut value: u32, into: &mut Vec<u8>) {
    loop {
        let byte = (value % 128) as u8;
        value /= 128;
        into.push(if value > 0 { byte | 0x80 } else { byte });
        if value == 0 {
            return;
        }
    }
}

impl Field for u8 {
    fn put(&self, into: &mut Vec<u8>) {
        into.push(*self);
    }
    fn take(from: &mut Reader<'_>) -> Self {
        from.byte()
    }
}

impl Field for u16 {
    fn put(&self, into: &mut Vec<u8>) {
        into.extend(self.to_be_bytes());
    }
    fn take(from: &mut Reader<'_>) -> Self {
        from.u16()
    }
}

impl Field for u32 {
    fn put(&self, into: &mut Vec<u8>) {
        into.extend(self.to_be_bytes());
    }
    fn take(from: &mut Reader<'_>) -> Self {
        from.u32()
    }
}

impl Field for Variable {
    fn put(&self, into: &mut Vec<u8>) {
        put_variable(self.0, into);
    }
    fn take(from: &mut Reader<'_>) -> Self {
        Variable(from.variable())
    }
}

impl Field for String {
    fn put(&self, into: &mut Vec<u8>) {
        self.as_bytes().to_vec().put(into);
    }
    fn take(from: &mut Reader<'_>) -> Self {
        from.text()
    }
}

impl Field for Vec<u8> {
    fn put(&self, into: &mut Vec<u8>) {
        u16::try_from(self.len()).expect("at most 65,535 bytes").put(into);
        into.extend(self);
    }
    fn take(from: &mut Reader<'_>) -> Self {
        from.binary()
    }
}

impl Field for (String, String) {
    fn put(&self, into: &mut Vec<u8>) {
        self.0.put(into);
        self.1.put(into);
    }
    fn take(from: &mut Reader<'_>) -> Self {
        (from.text(), from.text())
    }
}

macro_rules! properties {
    ($($name:ident $type:ty = $id:literal;)*) => {
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Property { $($name($type),)* }

        impl Property {
            pub fn id(&self) -> u8 {
                match self { $(Property::$name(_) => $id,)* }
            }

            pub fn put(&self, into: &mut Vec<u8>) {
                into.push(self.id());
                match self { $(Property::$name(value) => value.put(into),)* }
            }

            pub fn take(from: &mut Reader<'_>) -> Property {
                match from.byte() {
                    $($id => Property::$name(Field::take(from)),)*
                    other => panic!("property 0x{other:02X} does not exist"),
                }
            }
        }
    };
}

properties! {
    PayloadFormat u8 = 0x01;
    MessageExpiry u32 = 0x02;
    ContentType String = 0x03;
    ResponseTopic String = 0x08;
    CorrelationData Vec<u8> = 0x09;
    SubscriptionIdentifier Variable = 0x0B;
    SessionExpiry u32 = 0x11;
    AssignedClientIdentifier String = 0x12;
    ServerKeepAlive u16 = 0x13;
    AuthenticationMethod String = 0x15;
    AuthenticationData Vec<u8> = 0x16;
    RequestProblemInformation u8 = 0x17;
    WillDelay u32 = 0x18;
    RequestResponseInformation u8 = 0x19;
    ResponseInformation String = 0x1A;
    ServerReference String = 0x1C;
    ReasonString String = 0x1F;
    ReceiveMaximum u16 = 0x21;
    TopicAliasMaximum u16 = 0x22;
    TopicAlias u16 = 0x23;
    MaximumQoS u8 = 0x24;
    RetainAvailable u8 = 0x25;
    User (String, String) = 0x26;
    MaximumPacketSize u32 = 0x27;
    WildcardSubscriptionAvailable u8 = 0x28;
    SubscriptionIdentifierAvailable u8 = 0x29;
    SharedSubscriptionAvailable u8 = 0x2A;
}

impl Property {
    pub fn user(name: &str, value: &str) -> Property {
        Property::User((name.to_owned(), value.to_owned()))
    }
}

/// The whole field: length, then the properties in their order.
pub fn put_all(properties: &[Property], into: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    for property in properties {
        property.put(&mut bytes);
    }
    put_variable(bytes.len() as u32, into);
    into.extend(bytes);
}
