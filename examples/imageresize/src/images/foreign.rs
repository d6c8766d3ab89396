//! What is sent in place of an image that can be read: told by its first bytes, in order to
//! say what to send instead.

/// What can be read, for whoever sent something else.
pub const READ: &str = "send a JPEG, PNG, WebP, GIF or TIFF";

/// A sentence on bytes that are no image that can be read.
pub fn refusal(bytes: &[u8]) -> String {
    match name(bytes) {
        Some((what, instead)) => format!("this is {what}, which is not read: {instead}"),
        None => format!("this is not an image that can be read: {READ}"),
    }
}

/// What it is, and what to do about it.
fn name(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let instead = match bytes {
        [_, _, _, _, b'f', b't', b'y', b'p', rest @ ..] => return Some(media(rest)),
        [0xFF, 0x0A, ..] | [0, 0, 0, 0x0C, b'J', b'X', b'L', ..] => "a JPEG XL image",
        [0, 0, 0, 0x0C, b'j', b'P', ..] | [0xFF, 0x4F, 0xFF, 0x51, ..] => "a JPEG 2000 image",
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => "a BMP image",
        [0, 0, 1, 0, ..] => "an icon (ICO)",
        [b'8', b'B', b'P', b'S', ..] => "a Photoshop document (PSD)",
        [b'I', b'I', b'R', b'O' | b'S', ..] => "a raw photo of a camera",
        [b'F', b'U', b'J', b'I', b'F', b'I', b'L', b'M', ..] => "a raw photo of a camera",
        [b'%', b'P', b'D', b'F', ..] => "a PDF document",
        [0x1A, 0x45, 0xDF, 0xA3, ..] => return Some(VIDEO),
        _ if is_svg(bytes) => "an SVG drawing",
        _ => return None,
    };
    Some((instead, "export it as a JPEG or PNG, and send that"))
}

const VIDEO: (&str, &str) = ("a video", "send a photo, or a frame of it as a JPEG");

/// The brands of ISO media files: the major one, a version, and those that it is compatible with.
fn media(brands: &[u8]) -> (&'static str, &'static str) {
    let major: [u8; 4] = brands.first_chunk().copied().unwrap_or_default();
    // The box is longer than this only in theory.
    let compatible = brands.get(8..).unwrap_or_default();
    let all =
        || std::iter::once(major).chain(compatible.as_chunks::<4>().0.iter().copied().take(8));
    if all().any(|brand| matches!(&brand, b"avif" | b"avis")) {
        return ("an AVIF image", "save it as a JPEG, PNG or WebP, and send that");
    }
    match &major {
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => (
            "a HEIC image, as phones take them",
            "export it as a JPEG (on an iPhone, Settings, Camera, Formats, Most Compatible), and send that",
        ),
        b"crx " => ("a raw photo of a camera", "export it as a JPEG or PNG, and send that"),
        _ => VIDEO,
    }
}

fn is_svg(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(1024)];
    let start = String::from_utf8_lossy(start);
    let start = start.trim_start_matches('\u{feff}').trim_start();
    start.starts_with("<svg") || (start.starts_with("<?xml") && start.contains("<svg"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_is_and_what_to_send_instead_is_said() {
        let cases: [(&[u8], &str, &str); 13] = [
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC", "JPEG"),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC", "Most Compatible"),
            (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "AVIF", "JPEG"),
            (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", "AVIF", "WebP"),
            (b"\0\0\0\x18ftypcrx \0\0\0\0", "raw photo", "JPEG"),
            (b"\0\0\0\x14ftypqt  ", "video", "frame"),
            (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL", "PNG"),
            (b"BM\x46\0\0\0\0\0\0\0", "BMP", "PNG"),
            (b"8BPS\0\x01", "Photoshop", "JPEG"),
            (b"%PDF-1.7", "PDF", "JPEG"),
            (b"<?xml version=\"1.0\"?>\n<svg xmlns=\"x\">", "SVG", "PNG"),
            (b"Bmore letters", "not an image", "GIF or TIFF"),
            (b"\0\0\0\x18fty", "not an image", "GIF or TIFF"),
        ];
        for (bytes, what, instead) in cases {
            let sentence = refusal(bytes);
            assert!(sentence.contains(what) && sentence.contains(instead), "{sentence}");
        }
    }
}
