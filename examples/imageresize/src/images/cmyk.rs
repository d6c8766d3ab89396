//! Inks, as they are printed, to the colours of a screen.

use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

/// How the four values of a pixel tell how much ink there is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Inks {
    /// 0 is none.
    Straight,
    /// 255 is none, as Adobe writes it.
    Inverted,
    /// As `Inverted`, with the first three as luma and chroma.
    Ycck,
}

/// Makes sRGB of pixels of four values: by the colour profile, if it is one for inks that can
/// be read; without it as browsers do, where black darkens what the inks leave.
pub fn to_rgb(mut pixels: Vec<u8>, inks: Inks, profile: Option<&[u8]>) -> Vec<u8> {
    for pixel in pixels.as_chunks_mut::<4>().0 {
        *pixel = straight(*pixel, inks);
    }
    let mut rgb = vec![0; pixels.len() / 4 * 3];
    if profile.is_none_or(|profile| by_profile(&pixels, profile, &mut rgb).is_none()) {
        for (to, from) in rgb.as_chunks_mut::<3>().0.iter_mut().zip(pixels.as_chunks::<4>().0) {
            let [cyan, magenta, yellow, black] = from.map(|ink| 255 - u16::from(ink));
            *to = [cyan, magenta, yellow].map(|left| ((left * black + 127) / 255) as u8);
        }
    }
    rgb
}

fn straight(pixel: [u8; 4], inks: Inks) -> [u8; 4] {
    match inks {
        Inks::Straight => pixel,
        Inks::Inverted => pixel.map(|value| 255 - value),
        Inks::Ycck => {
            let [luma, blue, red, black] = pixel;
            let (luma, blue, red) =
                (f32::from(luma), f32::from(blue) - 128.0, f32::from(red) - 128.0);
            // The colours that it tells are the inks' amounts, and `as` keeps to 0 to 255.
            let round = |value: f32| value.round() as u8;
            [
                round(luma + 1.402 * red),
                round(luma - 0.344_136 * blue - 0.714_136 * red),
                round(luma + 1.772 * blue),
                255 - black,
            ]
        }
    }
}

fn by_profile(pixels: &[u8], profile: &[u8], rgb: &mut [u8]) -> Option<()> {
    let profile = ColorProfile::new_from_slice(profile).ok()?;
    if profile.color_space != DataColorSpace::Cmyk {
        return None;
    }
    let (screen, options) = (ColorProfile::new_srgb(), TransformOptions::default());
    let transform =
        profile.create_transform_8bit(Layout::Rgba, &screen, Layout::Rgb, options).ok()?;
    transform.transform(pixels, rgb).ok()
}
