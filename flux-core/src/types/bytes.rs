//! Numbers and byte strings as the store and the bus write them: little endian, lengths as LEB128.

/// The bytes end before the value does, or a length is longer than a length can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncated;

/// Takes values from the front of borrowed bytes.
#[derive(Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Truncated> {
        let (value, rest) = self.0.split_first_chunk::<N>().ok_or(Truncated)?;
        self.0 = rest;
        Ok(*value)
    }

    pub fn u8(&mut self) -> Result<u8, Truncated> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Result<u16, Truncated> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, Truncated> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, Truncated> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn u128(&mut self) -> Result<u128, Truncated> {
        self.array().map(u128::from_le_bytes)
    }

    pub fn length(&mut self) -> Result<usize, Truncated> {
        let mut value = 0u64;
        for shift in (0..=28).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return usize::try_from(value).map_err(|_| Truncated);
            }
        }
        Err(Truncated)
    }

    /// Byte string with its length before it.
    pub fn block(&mut self) -> Result<&'a [u8], Truncated> {
        let length = self.length()?;
        self.take(length)
    }

    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Truncated> {
        let (value, rest) = self.0.split_at_checked(length).ok_or(Truncated)?;
        self.0 = rest;
        Ok(value)
    }

    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}

pub fn put_length(length: usize, out: &mut Vec<u8>) {
    // Nothing in memory that came over MQTT or HTTP is this long: a packet ends at 256 MiB.
    let mut rest = u32::try_from(length).expect("shorter than 4 GiB");
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

pub fn put_block(bytes: &[u8], out: &mut Vec<u8>) {
    put_length(bytes.len(), out);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_come_back_and_never_run_over() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 268_435_455, u32::MAX as usize] {
            let mut out = Vec::new();
            put_length(length, &mut out);
            assert_eq!(Reader(&out).length(), Ok(length));
            assert_eq!(Reader(&out[..out.len() - 1]).length(), Err(Truncated));
        }
        assert_eq!(Reader(&[0xff; 6]).length(), Err(Truncated));
        assert_eq!(Reader(&[5, 1, 2]).block(), Err(Truncated));
    }
}
