//! From bytes to pixels.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{
    ColorType, DynamicImage, ExtendedColorType, ImageDecoder, ImageError, ImageFormat, ImageReader,
    Limits,
};

use super::jpeg::Jpeg;
use super::{Unusable, foreign, megapixels, several, tiff};
use crate::format::Format;

/// An image whose head was read.
pub struct Opened<'a> {
    pixels: Pixels<'a>,
    pub width: u32,
    pub height: u32,
    /// How to turn it upright.
    pub orientation: Orientation,
    /// What it becomes where nothing is said.
    pub format: Format,
    /// What whoever sent it should know of the result.
    pub warning: Option<String>,
}

enum Pixels<'a> {
    // What `image` makes of inks is of other colours.
    Jpeg(Box<Jpeg<'a>>),
    Printed { file: &'a [u8], profile: Option<Vec<u8>> },
    Other { decoder: Box<dyn ImageDecoder + 'a>, profile: Option<Vec<u8>> },
}

/// Reads the head of an image, and refuses one that cannot be resized, as far as it tells.
pub fn open(original: &[u8], max_pixels: u64) -> Result<Opened<'_>, Unusable> {
    if original.is_empty() {
        return Err(Unusable("the file is empty".into()));
    }
    let codec = image::guess_format(original).ok();
    let codec = codec.and_then(|codec| Some((codec, Format::of_codec(codec)?)));
    let Some((codec, format)) = codec else { return Err(Unusable(foreign::refusal(original))) };

    let opened = match codec {
        ImageFormat::Jpeg => {
            let jpeg = Jpeg::open(original)?;
            let (width, height) = jpeg.dimensions();
            Opened {
                warning: jpeg.warning(),
                orientation: jpeg.orientation(),
                pixels: Pixels::Jpeg(Box::new(jpeg)),
                width,
                height,
                format,
            }
        }
        _ => {
            let mut reader = ImageReader::with_format(Cursor::new(original), codec);
            let mut limits = Limits::no_limits();
            // 8 bytes for a pixel at most, and as much again for the decoder's own needs.
            limits.max_alloc = Some(max_pixels.saturating_mul(16).saturating_add(16 << 20));
            reader.limits(limits);
            let mut decoder = reader.into_decoder().map_err(damaged)?;
            let (width, height) = decoder.dimensions();
            let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
            let profile = match codec {
                ImageFormat::Tiff => tiff::profile(original),
                _ => decoder.icc_profile().unwrap_or_default(),
            };
            let pixels = match decoder.original_color_type() {
                ExtendedColorType::Cmyk8 => Pixels::Printed { file: original, profile },
                _ => Pixels::Other { decoder: Box::new(decoder), profile },
            };
            let warning = several::warning(original, codec);
            Opened { pixels, width, height, orientation, format, warning }
        }
    };
    let Opened { width, height, .. } = opened;
    if u64::from(width) * u64::from(height) > max_pixels {
        return Err(Unusable(format!(
            "the image has {width} x {height} pixels: at most {} million are taken",
            megapixels(max_pixels)
        )));
    }
    Ok(opened)
}

impl Opened<'_> {
    /// The most bytes that a pixel takes while the image is read, and those that it takes after
    /// that.
    pub fn bytes_a_pixel(&self) -> (u64, u64) {
        match &self.pixels {
            Pixels::Jpeg(jpeg) => (jpeg.bytes_a_pixel(), jpeg.channels()),
            // The inks, a strip of them that may be all, and the colours.
            Pixels::Printed { .. } => (4 + 4 + 3, 3),
            Pixels::Other { decoder, .. } => {
                let colour = decoder.color_type();
                let (read, plain) = (u64::from(colour.bytes_per_pixel()), channels(colour));
                // A decoder may have as much again for itself, and after that the image is made
                // plain.
                (read + read.max(plain), plain)
            }
        }
    }

    /// The pixels, with 8 bits a channel, as grey, colour, or colour with transparency; and
    /// the colour profile that they are in.
    pub fn read(self) -> Result<(DynamicImage, Option<Vec<u8>>), Unusable> {
        let (image, profile) = match self.pixels {
            Pixels::Jpeg(jpeg) => jpeg.read()?,
            Pixels::Printed { file, profile } => {
                let image = tiff::printed(file, profile.as_deref());
                let damaged = || Unusable("the image is damaged or cut off".into());
                (image.ok_or_else(damaged)?, None)
            }
            Pixels::Other { decoder, profile } => {
                (DynamicImage::from_decoder(decoder).map_err(damaged)?, profile)
            }
        };
        let image = plain(image);
        let profile = profile.filter(|profile| describes(profile, &image));
        Ok((image, profile))
    }
}

fn damaged(error: ImageError) -> Unusable {
    match error {
        ImageError::Limits(_) => {
            Unusable("the image needs more memory to be read than is allowed".into())
        }
        error => Unusable(format!("the image is damaged or cut off: {error}")),
    }
}

/// How many channels [`plain`] leaves.
fn channels(colour: ColorType) -> u64 {
    match (colour.has_color(), colour.has_alpha()) {
        (false, false) => 1,
        (true, false) => 3,
        (_, true) => 4,
    }
}

fn plain(image: DynamicImage) -> DynamicImage {
    match channels(image.color()) {
        1 => image.into_luma8().into(),
        3 => image.into_rgb8().into(),
        _ => image.into_rgba8().into(),
    }
}

/// Whether a colour profile is for what the image was decoded to: CMYK, for one, no longer is.
fn describes(profile: &[u8], image: &DynamicImage) -> bool {
    let space: &[u8] = if image.color().has_color() { b"RGB " } else { b"GRAY" };
    profile.get(16..20) == Some(space)
}
