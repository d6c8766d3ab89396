//! From pixels to bytes.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ImageEncoder, ImageError, Rgb};

use crate::format::Format;

const JPEG_QUALITY: u8 = 85;

/// The bytes of an image in a format, with its colour profile.
pub fn encode(
    image: DynamicImage,
    format: Format,
    icc_profile: Option<Vec<u8>>,
) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    match format {
        Format::Jpeg => {
            let image = on_white(image);
            write(&image, JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY), icc_profile)
        }
        Format::Png => write(&image, PngEncoder::new(&mut bytes), icc_profile),
        Format::Webp => write(&image, WebPEncoder::new_lossless(&mut bytes), icc_profile),
    }?;
    Ok(bytes)
}

/// Writes an image with its colour profile.
pub fn write(
    image: &DynamicImage,
    mut encoder: impl ImageEncoder,
    icc_profile: Option<Vec<u8>>,
) -> Result<(), ImageError> {
    if let Some(profile) = icc_profile {
        encoder.set_icc_profile(profile).map_err(ImageError::Unsupported)?;
    }
    image.write_with_encoder(encoder)
}

/// JPEG has no transparency: what shines through is white.
fn on_white(image: DynamicImage) -> DynamicImage {
    let DynamicImage::ImageRgba8(image) = image else { return image };
    let mut flat = image::RgbImage::new(image.width(), image.height());
    for (to, from) in flat.pixels_mut().zip(image.pixels()) {
        let [red, green, blue, alpha] = from.0.map(u16::from);
        let blend = |channel| ((channel * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        *to = Rgb([blend(red), blend(green), blend(blue)]);
    }
    flat.into()
}
