//! Files with more than one picture, of which only the first is resized.

use std::io::Cursor;

use image::ImageFormat;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;

use super::tiff;

/// What whoever sent such a file should know of the result.
pub fn warning(file: &[u8], codec: ImageFormat) -> Option<String> {
    let reader = Cursor::new(file);
    let (several, what) = match codec {
        ImageFormat::Gif => (is_animated_gif(reader), ANIMATED),
        ImageFormat::Png => {
            (PngDecoder::new(reader).and_then(|png| png.is_apng()).unwrap_or_default(), ANIMATED)
        }
        ImageFormat::WebP => {
            (WebPDecoder::new(reader).is_ok_and(|webp| webp.has_animation()), ANIMATED)
        }
        ImageFormat::Tiff => (
            tiff::has_pages(file),
            "the file has several pages: the result shows the first one only",
        ),
        _ => return None,
    };
    several.then(|| what.to_owned())
}

const ANIMATED: &str = "the image is animated: the result shows its first frame only";

fn is_animated_gif(file: Cursor<&[u8]>) -> bool {
    let Ok(mut gif) = gif::DecodeOptions::new().read_info(file) else { return false };
    // The pixels in between are passed over.
    (0..2).all(|_| matches!(gif.next_frame_info(), Ok(Some(_))))
}
