//! Photos to send, and how to compare what comes back.

use std::io::Cursor;

use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat};

pub const FLOWER: &[u8] = include_bytes!("../photos/flower.jpg");
pub const CHINA: &[u8] = include_bytes!("../photos/china.jpg");
pub const ROCKET: &[u8] = include_bytes!("../photos/rocket.jpg");

pub fn path(name: &str) -> String {
    format!("{}/tests/photos/{name}", env!("CARGO_MANIFEST_DIR"))
}

pub fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// With an EXIF segment that says that the camera was held sideways.
pub fn sideways(jpeg: &[u8]) -> Vec<u8> {
    let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length, exif, &jpeg[2..]].concat()
}

/// A small file that decodes to very many pixels.
pub fn bomb(side: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().unwrap();
    let mut pixels = writer.stream_writer().unwrap();
    let row = vec![0; side.div_ceil(8) as usize];
    for _ in 0..side {
        std::io::Write::write_all(&mut pixels, &row).unwrap();
    }
    pixels.finish().unwrap();
    drop(writer);
    bytes
}

/// Checks that a result shows what its original does.
pub fn assert_shows(result: &DynamicImage, original: &DynamicImage) {
    let expected = original.resize_exact(result.width(), result.height(), FilterType::Triangle);
    let (result, expected) = (result.to_rgb8(), expected.to_rgb8());
    let apart: u64 =
        result.iter().zip(expected.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    let mean = apart as f64 / result.len() as f64;
    assert!(mean < 8.0, "another picture: {mean} apart");
}
