//! From the bytes of one image to the bytes of another.

mod jpeg;
mod size;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::Cursor;

use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageEncoder, ImageError, ImageReader, Limits, Rgb};

use crate::format::Format;
pub use size::{MAX_SIDE, Wanted};

const JPEG_QUALITY: u8 = 85;

/// An image that was resized.
pub struct Resized {
    pub bytes: Vec<u8>,
    pub width: u32,
    pub height: u32,
    pub format: Format,
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
    let Decoded { image, orientation, icc_profile, format } = decode(original, max_pixels)?;
    let turned = swaps_sides(orientation);
    let (width, height) = swap_if(turned, (image.width(), image.height()));
    let (width, height) = wanted.size(width, height);
    size::check(width, height, max_pixels)?;

    // Turning the small image is cheaper than turning the large one.
    let (across, down) = swap_if(turned, (width, height));
    let mut resized = DynamicImage::new(across, down, image.color());
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .fit_into_destination(Some((0.5, 0.5)));
    Resizer::new()
        .resize(&image, &mut resized, &options)
        .map_err(|error| Unusable(format!("the image cannot be resized: {error}")))?;
    resized.apply_orientation(orientation);

    let format = wanted.format.unwrap_or(format);
    let bytes = encode(resized, format, icc_profile)
        .map_err(|error| Unusable(format!("the result cannot be written: {error}")))?;
    Ok(Resized { bytes, width, height, format })
}

struct Decoded {
    image: DynamicImage,
    orientation: Orientation,
    icc_profile: Option<Vec<u8>>,
    format: Format,
}

fn decode(original: &[u8], max_pixels: u64) -> Result<Decoded, Unusable> {
    if original.is_empty() {
        return Err(Unusable("the file is empty".into()));
    }
    let codec = image::guess_format(original).map_err(|_| {
        Unusable("this is not an image that can be read: send a JPEG, PNG or WebP".into())
    })?;
    let Some(format) = Format::of_codec(codec) else {
        return Err(Unusable(format!(
            "this is an image of the format {codec:?}, which is not read: send a JPEG, PNG or WebP"
        )));
    };
    let damaged = |error: ImageError| match error {
        ImageError::Limits(_) => {
            Unusable("the image needs more memory to be read than is allowed".into())
        }
        error => Unusable(format!("the image is damaged or cut off: {error}")),
    };

    let mut reader = ImageReader::with_format(Cursor::new(original), codec);
    let mut limits = Limits::no_limits();
    // 8 bytes for a pixel at most, and as much again for the decoder's own needs.
    limits.max_alloc = Some(max_pixels.saturating_mul(16).saturating_add(16 << 20));
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > max_pixels {
        return Err(Unusable(format!(
            "the image has {width} x {height} pixels: at most {} million are taken",
            megapixels(max_pixels)
        )));
    }
    if format == Format::Jpeg && !jpeg::is_complete(original) {
        return Err(Unusable("the image is cut off: its end is missing".into()));
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let icc_profile = decoder.icc_profile().unwrap_or_default();
    let image = plain(DynamicImage::from_decoder(decoder).map_err(damaged)?);
    let icc_profile = icc_profile.filter(|profile| describes(profile, &image));
    Ok(Decoded { image, orientation, icc_profile, format })
}

/// 8 bits a channel: grey, colour, or colour with transparency.
fn plain(image: DynamicImage) -> DynamicImage {
    let colour = image.color();
    match (colour.has_color(), colour.has_alpha()) {
        (false, false) => image.into_luma8().into(),
        (true, false) => image.into_rgb8().into(),
        (_, true) => image.into_rgba8().into(),
    }
}

/// Whether a colour profile is for what the image was decoded to: CMYK, for one, no longer is.
fn describes(profile: &[u8], image: &DynamicImage) -> bool {
    let space: &[u8] = if image.color().has_color() { b"RGB " } else { b"GRAY" };
    profile.get(16..20) == Some(space)
}

fn encode(
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

fn write(
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
