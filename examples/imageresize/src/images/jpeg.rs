//! JPEG: what its segments tell, and its pixels.

use std::borrow::Cow;

use image::metadata::Orientation;
use image::{DynamicImage, GrayAlphaImage, GrayImage, RgbImage};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::{Unusable, cmyk};

/// What a JPEG's segments tell, as far as the decoder does not.
#[derive(Debug, Default, PartialEq)]
pub struct Segments {
    frame: Option<Frame>,
    /// Whether Adobe's marker is there: the inks of its CMYK are the wrong way round.
    adobe: bool,
    scans: usize,
    /// Whether there is anything of an image after the first scan's header.
    begun: bool,
    /// Whether the end marker is there.
    complete: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Frame {
    /// The number in the name of its marker: `SOF2` is progressive.
    kind: u8,
    /// Bits a sample.
    precision: u8,
    components: u8,
}

impl Segments {
    /// Goes through a JPEG to its end marker.
    pub fn of(jpeg: &[u8]) -> Self {
        let mut segments = Self::default();
        let mut rest = jpeg.get(2..).unwrap_or_default();
        // Pixels come between segments; an 0xFF in them is followed by 0 or a restart marker.
        while let Some(at) = rest.iter().position(|&byte| byte == 0xFF) {
            rest = &rest[at + 1..];
            rest = match rest {
                [0xD9, ..] => {
                    segments.complete = true;
                    break;
                }
                [0xFF, ..] => rest,
                [0x00 | 0x01 | 0xD0..=0xD8, rest @ ..] => rest,
                [marker, high, low, ..] => {
                    let length = usize::from(u16::from_be_bytes([*high, *low]));
                    let body = rest.get(3..1 + length).unwrap_or_default();
                    let after = rest.get(1 + length..).unwrap_or_default();
                    segments.note(*marker, body, after);
                    after
                }
                _ => break,
            };
        }
        segments
    }

    fn note(&mut self, marker: u8, body: &[u8], after: &[u8]) {
        match (marker, body) {
            // All SOF, without DHT, JPG and DAC, which have their numbers among these.
            (0xC0..=0xCF, [precision, _, _, _, _, components, ..])
                if !matches!(marker, 0xC4 | 0xC8 | 0xCC) =>
            {
                let (kind, precision, components) = (marker - 0xC0, *precision, *components);
                self.frame.get_or_insert(Frame { kind, precision, components });
            }
            (0xEE, [b'A', b'd', b'o', b'b', b'e', ..]) => self.adobe = true,
            (0xDA, _) => {
                self.scans += 1;
                self.begun |= !matches!(after, [] | [0xFF] | [0xFF, 0xD9, ..]);
            }
            _ => {}
        }
    }

    /// Says in words why the decoder could not read this, where that can be known before.
    fn check(&self) -> Result<(), Unusable> {
        let Some(Frame { kind, precision, components }) = self.frame else {
            return Err(Unusable("the image is damaged or cut off before its pixels".into()));
        };
        let refuse = |what: &str| {
            Err(Unusable(format!(
                "this is {what}, which is not read: send it as an ordinary JPEG, or as a PNG"
            )))
        };
        match (kind, precision, components) {
            (3 | 7 | 11 | 15, _, _) => refuse("a lossless JPEG"),
            (5 | 6 | 13 | 14, _, _) => refuse("a hierarchical JPEG"),
            (9.., _, _) => refuse("a JPEG with arithmetic coding"),
            (_, bits, _) if bits != 8 => refuse(&format!("a JPEG with {bits} bits a sample")),
            (_, _, count @ (0 | 5..)) => refuse(&format!("a JPEG of {count} components")),
            _ if !self.begun => {
                Err(Unusable("the image is cut off: none of its pixels is there".into()))
            }
            // The first scan has all pixels, and those after it make them sharp.
            (2, ..) if !self.complete && self.scans < 2 => {
                Err(Unusable("the image is cut off: pixels are missing".into()))
            }
            _ => Ok(()),
        }
    }

    fn is_progressive(&self) -> bool {
        self.frame.is_some_and(|frame| frame.kind == 2)
    }

    /// The bytes that the decoder takes for each pixel besides the result: it keeps all
    /// coefficients where an image comes in several scans.
    fn coefficients(&self) -> u64 {
        let components = self.frame.map_or(0, |frame| u64::from(frame.components));
        if self.scans > 1 { 2 * components } else { 0 }
    }
}

/// A JPEG whose header was read.
pub struct Jpeg<'a> {
    decoder: JpegDecoder<ZCursor<Cow<'a, [u8]>>>,
    segments: Segments,
    components: u8,
}

impl<'a> Jpeg<'a> {
    pub fn open(jpeg: &'a [u8]) -> Result<Self, Unusable> {
        let segments = Segments::of(jpeg);
        segments.check()?;
        let mut file = Cow::Borrowed(jpeg);
        if !segments.complete {
            // The decoder reads ahead.
            file.to_mut().extend([0; 16]);
            if segments.is_progressive() {
                file.to_mut().extend([0xFF, 0xD9]);
            }
        }
        // Strict, it tells whether all pixels are there, if there is no end marker.
        let options = DecoderOptions::default()
            .set_strict_mode(!segments.complete && !segments.is_progressive())
            .set_max_width(usize::MAX)
            .set_max_height(usize::MAX);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
        decoder.decode_headers().map_err(damaged)?;
        let components = decoder.info().map_or(0, |info| info.components);
        let colours = match (components, decoder.input_colorspace()) {
            (1, _) => ColorSpace::Luma,
            (2, _) => ColorSpace::LumaA,
            // As they are: what the decoder would make of them knows no inks.
            (4, Some(ColorSpace::YCCK)) => ColorSpace::YCCK,
            (4, _) => ColorSpace::CMYK,
            // Adobe's marker says that they are red, green and blue.
            (3, Some(several @ ColorSpace::MultiBand(_))) => several,
            _ => ColorSpace::RGB,
        };
        decoder.set_options(options.jpeg_set_out_colorspace(colours));
        Ok(Self { decoder, segments, components })
    }

    pub fn dimensions(&self) -> (u32, u32) {
        let (width, height) = self.decoder.dimensions().unwrap_or_default();
        // Neither has more than 16 bits.
        (width as u32, height as u32)
    }

    /// What whoever sent it should know of the result.
    pub fn warning(&self) -> Option<String> {
        let less_sharp = !self.segments.complete && self.segments.is_progressive();
        less_sharp
            .then(|| "the end of the file is missing: the result may be less sharp".to_owned())
    }

    /// The bytes that a pixel takes while the image is read.
    pub fn bytes_a_pixel(&self) -> u64 {
        let plain = if matches!(self.components, 2 | 4) { self.channels() } else { 0 };
        u64::from(self.components) + self.segments.coefficients() + plain
    }

    /// How many bytes a pixel has after that.
    pub fn channels(&self) -> u64 {
        match self.components {
            1 => 1,
            2 => 4,
            _ => 3,
        }
    }

    pub fn orientation(&self) -> Orientation {
        let exif = self.decoder.exif();
        exif.and_then(|exif| Orientation::from_exif_chunk(exif))
            .unwrap_or(Orientation::NoTransforms)
    }

    /// The pixels, and the colour profile that they are in. Inks are turned into sRGB, which
    /// needs no profile.
    pub fn read(mut self) -> Result<(DynamicImage, Option<Vec<u8>>), Unusable> {
        let pixels = self.decoder.decode().map_err(|error| match self.segments.complete {
            true => damaged(error),
            false => Unusable(format!("the image is cut off: pixels are missing ({error})")),
        })?;
        let profile = self.decoder.icc_profile();
        let (width, height) = self.dimensions();
        let inks = match self.decoder.output_colorspace() {
            Some(ColorSpace::YCCK) => Some(cmyk::Inks::Ycck),
            Some(ColorSpace::CMYK) if self.segments.adobe => Some(cmyk::Inks::Inverted),
            Some(ColorSpace::CMYK) => Some(cmyk::Inks::Straight),
            _ => None,
        };
        if let Some(inks) = inks {
            let rgb = cmyk::to_rgb(pixels, inks, profile.as_deref());
            return Ok((image(RgbImage::from_raw(width, height, rgb))?, None));
        }
        let image = match self.components {
            1 => image(GrayImage::from_raw(width, height, pixels)),
            2 => image(GrayAlphaImage::from_raw(width, height, pixels)),
            _ => image(RgbImage::from_raw(width, height, pixels)),
        }?;
        Ok((image, profile))
    }
}

fn image(image: Option<impl Into<DynamicImage>>) -> Result<DynamicImage, Unusable> {
    image.map(Into::into).ok_or_else(|| Unusable("the image is damaged: pixels are missing".into()))
}

fn damaged(error: DecodeErrors) -> Unusable {
    Unusable(format!("the image is damaged or cut off: {error}"))
}
