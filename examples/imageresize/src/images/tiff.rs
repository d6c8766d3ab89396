//! What `image` does not tell of a TIFF: its pages, the colour profile of a small one, and its inks.

use std::io::Cursor;

use image::{DynamicImage, RgbImage};
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;

use super::cmyk::{self, Inks};

/// Whether there are pages after the first.
pub fn has_pages(file: &[u8]) -> bool {
    Decoder::new(Cursor::new(file)).is_ok_and(|tiff| tiff.more_images())
}

/// The colour profile.
pub fn profile(file: &[u8]) -> Option<Vec<u8>> {
    Decoder::new(Cursor::new(file)).ok()?.get_tag_u8_vec(Tag::IccProfile).ok()
}

/// The first page, where it has 8 bits for each ink, as sRGB. `None` if it cannot be read.
pub fn printed(file: &[u8], profile: Option<&[u8]>) -> Option<DynamicImage> {
    let mut decoder = Decoder::new(Cursor::new(file)).ok()?;
    let (width, height) = decoder.dimensions().ok()?;
    let mut limits = Limits::default();
    limits.decoding_buffer_size = (width as usize).checked_mul(height as usize)?.checked_mul(4)?;
    limits.intermediate_buffer_size = limits.decoding_buffer_size;
    let DecodingResult::U8(pixels) = decoder.with_limits(limits).read_image().ok()? else {
        return None;
    };
    RgbImage::from_raw(width, height, cmyk::to_rgb(pixels, Inks::Straight, profile)).map(Into::into)
}
