//! Whether a JPEG is all there.

/// Whether a JPEG goes on to its end marker. The decoder fills with grey what is missing, and
/// says nothing; whoever sent the image should rather hear of it.
pub fn is_complete(jpeg: &[u8]) -> bool {
    let mut rest = jpeg.get(2..).unwrap_or_default();
    // Pixels come between segments; an 0xFF in them is followed by 0 or a restart marker.
    while let Some(at) = rest.iter().position(|&byte| byte == 0xFF) {
        rest = &rest[at + 1..];
        rest = match rest {
            [0xD9, ..] => return true,
            [0xFF, ..] => rest,
            [0x00 | 0x01 | 0xD0..=0xD8, rest @ ..] => rest,
            [_, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                rest.get(1 + length..).unwrap_or_default()
            }
            _ => return false,
        };
    }
    false
}
