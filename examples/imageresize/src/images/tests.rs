mod files;
mod sources;

use std::io::Cursor;

use image::codecs::png::PngEncoder;
use image::{
    DynamicImage, GenericImageView, ImageDecoder, ImageFormat, ImageReader, Rgb, RgbImage,
    RgbaImage, imageops,
};

use super::*;

const FLOWER: &[u8] = include_bytes!("../../tests/photos/flower.jpg");
const MAX_PIXELS: u64 = 100_000_000;

fn width(width: u32) -> Wanted {
    Wanted { width: Some(width), ..Wanted::default() }
}

fn resized(original: &[u8], wanted: &Wanted) -> (Resized, DynamicImage) {
    let resized = resize(original, wanted, MAX_PIXELS).unwrap();
    let image = image::load_from_memory(&resized.bytes).unwrap();
    assert_eq!(image.dimensions(), (resized.width, resized.height));
    assert_eq!(
        Format::of_codec(image::guess_format(&resized.bytes).unwrap()),
        Some(resized.format)
    );
    (resized, image)
}

fn refusal(original: &[u8], wanted: &Wanted) -> String {
    match resize(original, wanted, MAX_PIXELS) {
        Ok(_) => panic!("was not refused"),
        Err(Unusable(sentence)) => sentence,
    }
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn flower() -> DynamicImage {
    image::load_from_memory(FLOWER).unwrap()
}

/// How far apart two images of one size are: the mean of the channels' differences, 0 to 255.
fn difference(one: &DynamicImage, other: &DynamicImage) -> f64 {
    assert_eq!(one.dimensions(), other.dimensions());
    let (one, other) = (one.to_rgb8(), other.to_rgb8());
    let sum: u64 = one.iter().zip(other.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / one.len() as f64
}

/// With an EXIF segment that says how to turn the image, as cameras write it.
fn with_exif_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let mut turned = jpeg[..2].to_vec();
    turned.extend([0xFF, 0xE1]);
    turned.extend(u16::try_from(exif.len() + 2).unwrap().to_be_bytes());
    turned.extend(exif);
    turned.extend(&jpeg[2..]);
    turned
}

#[test]
fn one_side_keeps_the_aspect_ratio() {
    let (flower, image) = resized(FLOWER, &width(320));
    assert_eq!((flower.width, flower.height, flower.format), (320, 214, Format::Jpeg));
    let expected = self::flower().resize_exact(320, 214, imageops::FilterType::Lanczos3);
    assert!(difference(&image, &expected) < 4.0);

    let tall = Wanted { height: Some(854), ..Wanted::default() };
    assert_eq!(resized(FLOWER, &tall).1.dimensions(), (1280, 854));
}

#[test]
fn two_sides_are_filled_about_the_middle() {
    let square = Wanted { width: Some(200), height: Some(200), format: Some(Format::Png) };
    let (_, image) = resized(FLOWER, &square);
    let middle = flower().crop_imm(106, 0, 427, 427);
    let expected = middle.resize_exact(200, 200, imageops::FilterType::Lanczos3);
    assert!(difference(&image, &expected) < 4.0);
}

#[test]
fn every_format_becomes_every_format() {
    for from in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
        let original = encoded(&flower(), from);
        let (same, _) = resized(&original, &width(64));
        assert_eq!(Some(same.format), Format::of_codec(from));
        for to in [Format::Jpeg, Format::Png, Format::Webp] {
            let (other, image) = resized(&original, &Wanted { format: Some(to), ..width(64) });
            assert_eq!(other.format, to);
            let expected = flower().resize_exact(64, 43, imageops::FilterType::Lanczos3);
            assert!(difference(&image, &expected) < 6.0, "{from:?} to {to:?}");
        }
    }
}

#[test]
fn a_photo_is_turned_upright() {
    type Turn = fn(&DynamicImage) -> DynamicImage;
    let turns: [(u8, Turn); 7] = [
        (2, DynamicImage::fliph),
        (3, DynamicImage::rotate180),
        (4, DynamicImage::flipv),
        (5, |image| image.rotate90().fliph()),
        (6, DynamicImage::rotate90),
        (7, |image| image.rotate270().fliph()),
        (8, DynamicImage::rotate270),
    ];
    for (orientation, turn) in turns {
        let turned = with_exif_orientation(FLOWER, orientation);
        let (flower, image) = resized(&turned, &width(200));
        let expected = turn(&self::flower()).resize_exact(
            flower.width,
            flower.height,
            imageops::FilterType::Lanczos3,
        );
        assert_eq!(flower.height, if orientation < 5 { 133 } else { 300 });
        assert!(difference(&image, &expected) < 4.0, "orientation {orientation}");
    }
}

#[test]
fn transparency_is_kept_or_turns_white() {
    let mut half = RgbaImage::from_pixel(64, 64, [255, 0, 0, 255].into());
    for (x, _, pixel) in half.enumerate_pixels_mut() {
        // The colour of what cannot be seen must not bleed into what can.
        if x < 32 {
            *pixel = [0, 0, 255, 0].into();
        }
    }
    let png = encoded(&half.into(), ImageFormat::Png);

    let (_, image) = resized(&png, &width(16));
    let image = image.to_rgba8();
    assert_eq!(image.get_pixel(2, 8).0[3], 0);
    assert_eq!(image.get_pixel(13, 8).0, [255, 0, 0, 255]);
    assert!(image.pixels().all(|pixel| pixel.0[3] == 0 || pixel.0[2] < 8));

    let (_, image) = resized(&png, &Wanted { format: Some(Format::Jpeg), ..width(16) });
    let image = image.to_rgb8();
    assert!(image.get_pixel(2, 8).0.iter().all(|&channel| channel > 240));
    let [red, green, blue] = image.get_pixel(13, 8).0;
    assert!(red > 240 && green < 24 && blue < 24);
}

#[test]
fn grey_and_deep_images_are_read() {
    let grey = encoded(&flower().to_luma8().into(), ImageFormat::Jpeg);
    assert!(!resized(&grey, &width(64)).1.color().has_color());
    let deep = encoded(&flower().to_rgb16().into(), ImageFormat::Png);
    let expected = flower().resize_exact(64, 43, imageops::FilterType::Lanczos3);
    assert!(difference(&resized(&deep, &width(64)).1, &expected) < 4.0);
}

#[test]
fn a_colour_profile_is_kept() {
    let mut profile = vec![7; 200];
    profile[16..20].copy_from_slice(b"RGB ");
    let mut png = Vec::new();
    encode::write(&flower(), PngEncoder::new(&mut png), Some(profile.clone())).unwrap();
    for format in [Format::Jpeg, Format::Png, Format::Webp] {
        let (flower, _) = resized(&png, &Wanted { format: Some(format), ..width(64) });
        let reader = ImageReader::new(Cursor::new(flower.bytes)).with_guessed_format().unwrap();
        let kept = reader.into_decoder().unwrap().icc_profile().unwrap();
        assert_eq!(kept.as_ref(), Some(&profile), "{format:?}");
    }
}

#[test]
fn what_is_no_image_is_refused() {
    assert!(refusal(b"", &width(64)).contains("empty"));
    assert!(refusal(b"Dear Sir or Madam, ", &width(64)).contains("not an image"));
    assert!(refusal(b"GIF89a", &width(64)).contains("damaged or cut off"));
}

#[test]
fn what_is_cut_off_is_refused() {
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif] {
        let whole = encoded(&flower(), format);
        for percent in [0, 10, 50, 90] {
            let part = &whole[..12 + whole.len() * percent / 100];
            let resized = resize(part, &width(64), MAX_PIXELS);
            assert!(resized.is_err(), "{percent} % of {format:?} is read");
        }
    }
    assert!(refusal(&FLOWER[..FLOWER.len() / 2], &width(64)).contains("cut off"));
}

#[test]
fn too_many_pixels_are_refused() {
    let refused = |max_pixels| resize(FLOWER, &width(64), max_pixels).err().map(|error| error.0);
    assert_eq!(
        refused(200_000).unwrap(),
        "the image has 640 x 427 pixels: at most 0.2 million are taken"
    );
    assert_eq!(refused(640 * 427), None);

    assert!(refusal(FLOWER, &width(16_383)).contains("at most 100 million"));
    assert!(refusal(FLOWER, &width(20_000)).contains("16383"));
    let line: DynamicImage = RgbImage::from_pixel(1, 2000, Rgb([9; 3])).into();
    assert!(refusal(&encoded(&line, ImageFormat::Png), &width(100)).contains("200000"));
}
