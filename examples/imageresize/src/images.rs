//! From the bytes of one image to the bytes of another.

mod cmyk;
mod decode;
mod encode;
mod foreign;
mod jpeg;
mod need;
mod several;
mod size;
#[cfg(test)]
mod tests;
mod tiff;

use std::fmt;

use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::DynamicImage;
use image::metadata::Orientation;

use crate::format::Format;
use decode::Opened;
pub use size::{MAX_SIDE, Wanted};

/// An image that was resized.
pub struct Resized {
    pub bytes: Vec<u8>,
    pub width: u32,
    pub height: u32,
    pub format: Format,
    /// What whoever sent the image should know of it: that a part is missing, for one.
    pub warning: Option<String>,
}

/// Why an image cannot be resized: a sentence for whoever sent it.
#[derive(Debug)]
pub struct Unusable(pub String);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}

/// Decodes, turns upright, resizes and encodes. Takes up to seconds of a core.
///
/// What is read or written beyond `max_pixels` is refused before it takes memory.
pub fn resize(original: &[u8], wanted: &Wanted, max_pixels: u64) -> Result<Resized, Unusable> {
    let mut opened = decode::open(original, max_pixels)?;
    let (orientation, format, warning) = (opened.orientation, opened.format, opened.warning.take());
    let (across, down) = result_size(&opened, wanted, max_pixels)?;
    let (image, icc_profile) = opened.read()?;
    // Turning the small image is cheaper than turning the large one.
    let mut resized = DynamicImage::new(across, down, image.color());
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .fit_into_destination(Some((0.5, 0.5)));
    Resizer::new()
        .resize(&image, &mut resized, &options)
        .map_err(|error| Unusable(format!("the image cannot be resized: {error}")))?;
    resized.apply_orientation(orientation);

    let format = wanted.format.unwrap_or(format);
    let (width, height) = (resized.width(), resized.height());
    let bytes = encode::encode(resized, format, icc_profile)
        .map_err(|error| Unusable(format!("the result cannot be written: {error}")))?;
    Ok(Resized { bytes, width, height, format, warning })
}

/// The most bytes of memory that [`resize`] takes for this, with the original.
pub fn need(original: &[u8], wanted: &Wanted, max_pixels: u64) -> Result<u64, Unusable> {
    let opened = decode::open(original, max_pixels)?;
    let result = result_size(&opened, wanted, max_pixels)?;
    let (reading, plain) = opened.bytes_a_pixel();
    let from = (opened.width, opened.height);
    Ok(need::need(&need::Work { file: original.len() as u64, from, reading, plain, to: result }))
}

/// The result's width and height, before it is turned upright.
fn result_size(
    opened: &Opened<'_>,
    wanted: &Wanted,
    max_pixels: u64,
) -> Result<(u32, u32), Unusable> {
    let turned = swaps_sides(opened.orientation);
    let (width, height) = swap_if(turned, (opened.width, opened.height));
    let (width, height) = wanted.size(width, height);
    size::check(width, height, max_pixels)?;
    Ok(swap_if(turned, (width, height)))
}

fn swaps_sides(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

fn swap_if(swap: bool, (one, other): (u32, u32)) -> (u32, u32) {
    if swap { (other, one) } else { (one, other) }
}

fn megapixels(pixels: u64) -> f64 {
    pixels as f64 / 1e6
}
