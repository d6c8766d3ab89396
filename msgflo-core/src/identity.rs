//! Identifiers of messages: 16 letters each, since brokers store them (with 50 bytes more, RabbitMQ
//! was measured 8 % slower).

use std::sync::Arc;

use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

/// How many bits of a source's identifier count its messages.
const COUNT_BITS: u32 = 48;
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The chance of which a source's identifiers are made, so that no two sources have the same.
pub(crate) fn random_prefix() -> u128 {
    Uuid::new_v4().as_u128() >> 80
}

/// The identifier of a source's message.
pub(crate) fn unique(prefix: u128, number: u64) -> Arc<str> {
    let number = u128::from(number) & ((1 << COUNT_BITS) - 1);
    letters(prefix << COUNT_BITS | number)
}

/// The identifier of the message that is sent on an outport as its number so-and-so, while one with
/// an identifier from an inport's queue is processed. Whoever processes it again sends the same: 96 bits
/// of the XXH3 of all four, each text with a zero byte behind it, the number as 4 bytes, the lowest first.
pub(crate) fn derived(id: &str, inport: &str, outport: &str, number: u32) -> Arc<str> {
    let mut bytes = Vec::with_capacity(id.len() + inport.len() + outport.len() + 7);
    for text in [id, inport, outport] {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
    }
    bytes.extend_from_slice(&number.to_le_bytes());
    letters(xxh3_128(&bytes) >> 32)
}

/// 96 bits as base64url.
fn letters(bits: u128) -> Arc<str> {
    let mut text = [0; 16];
    for (index, letter) in text.iter_mut().enumerate() {
        *letter = LETTERS[(bits >> (90 - 6 * index)) as usize & 63];
    }
    // Always: they are ASCII.
    Arc::from(std::str::from_utf8(&text).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_identifiers_repeat_and_differ() {
        let one = derived("7", "resize.IN", "resize.OUT", 1);
        assert_eq!(one, derived("7", "resize.IN", "resize.OUT", 1));
        assert_eq!(one.len(), 16);
        for other in [
            derived("8", "resize.IN", "resize.OUT", 1),
            derived("7", "resize.IN2", "resize.OUT", 1),
            derived("7", "resize.IN", "resize.ERROR", 1),
            derived("7", "resize.IN", "resize.OUT", 2),
        ] {
            assert_ne!(one, other);
        }
        // Other versions, and other languages, make the same: it must not change.
        assert_eq!(&*one, "1awdjvwLmHXNp-_4");
    }

    #[test]
    fn a_sources_identifiers_are_unique() {
        let prefix = random_prefix();
        assert_ne!(unique(prefix, 1), unique(prefix, 2));
        assert_ne!(unique(prefix, 1), unique(random_prefix(), 1));
        assert_eq!(unique(prefix, 1)[..8], unique(prefix, 2)[..8]);
    }
}
