//! What is read, and how it looks then.

use image::codecs::gif::GifEncoder;
use image::{Frame, GenericImageView, Rgba};

use super::files::{Flat, press};
use super::*;

fn png() -> Wanted {
    Wanted { format: Some(Format::Png), ..width(8) }
}

/// The colour in the middle of a small image, with the transparency.
fn middle(original: &[u8]) -> [u8; 4] {
    resized(original, &png()).1.get_pixel(4, 4).0
}

fn assert_near(colour: [u8; 4], expected: [u8; 3], of: &str) {
    let near = colour.iter().zip(expected).all(|(got, wanted)| got.abs_diff(wanted) <= 3);
    assert!(near, "{of}: {colour:?} is not {expected:?}");
}

#[test]
fn inks_become_the_colours_that_they_print() {
    let straight = Flat { values: &[0, 128, 255, 64], ..Flat::default() };
    let colour = middle(&straight.jpeg());
    assert_near(colour, [191, 95, 0], "inks as they are");
    let adobe = Flat { values: &[255, 127, 0, 191], adobe: Some(0), ..Flat::default() };
    assert_near(middle(&adobe.jpeg()), [191, 95, 0], "inks the wrong way round");
    // As luma and chroma, (29, 255, 107) is blue: what would be that much red, green and blue
    // is that much cyan, magenta and yellow.
    let ycck = Flat { values: &[29, 255, 107, 255], adobe: Some(2), ..Flat::default() };
    assert_near(middle(&ycck.jpeg()), [255, 255, 0], "yellow ink by luma and chroma");
    let ycck = Flat { values: &[0, 128, 128, 155], adobe: Some(2), ..Flat::default() };
    assert_near(middle(&ycck.jpeg()), [155; 3], "black ink");
}

#[test]
fn inks_become_the_colours_that_their_profile_says() {
    let profile = press();
    let printed = Flat { values: &[0, 128, 255, 64], profile: &profile, ..Flat::default() };
    assert_near(middle(&printed.jpeg()), [119; 3], "a press of grey ink");
    // The result is in sRGB: the profile would be wrong for it.
    let (result, _) = resized(&printed.jpeg(), &png());
    let mut reader =
        ImageReader::new(Cursor::new(result.bytes)).with_guessed_format().unwrap().into_decoder();
    assert_eq!(reader.as_mut().unwrap().icc_profile().unwrap(), None);
    // One that cannot be read is as none.
    let torn = Flat { profile: &profile[..200], ..printed };
    assert_near(middle(&torn.jpeg()), [191, 95, 0], "a profile that is torn off");
}

#[test]
fn jpegs_of_any_number_of_components_are_read() {
    let grey = Flat { values: &[90], ..Flat::default() };
    assert_near(middle(&grey.jpeg()), [90; 3], "one");
    let transparent = Flat { values: &[90, 200], ..Flat::default() };
    assert_eq!(middle(&transparent.jpeg()), [90, 90, 90, 200], "two");
    let luma = Flat { values: &[29, 255, 107], ..Flat::default() };
    assert_near(middle(&luma.jpeg()), [0, 0, 255], "three");
    let adobe = Flat { values: &[10, 200, 30], adobe: Some(0), ..Flat::default() };
    assert_near(middle(&adobe.jpeg()), [10, 200, 30], "red, green and blue by Adobe's marker");
    let named = Flat { values: &[10, 200, 30], names: b"RGB", ..Flat::default() };
    assert_near(middle(&named.jpeg()), [10, 200, 30], "red, green and blue by name");
    let five = Flat { values: &[1, 2, 3, 4, 5], ..Flat::default() };
    assert!(refusal(&five.jpeg(), &png()).contains("a JPEG of 5 components"));
}

#[test]
fn a_jpeg_without_its_end_marker_is_read() {
    assert_eq!(FLOWER[FLOWER.len() - 2..], [0xFF, 0xD9]);
    let (whole, _) = resized(FLOWER, &width(64));
    let (endless, _) = resized(&FLOWER[..FLOWER.len() - 2], &width(64));
    assert!(whole.bytes == endless.bytes);
    assert_eq!(endless.warning, None);
}

#[test]
fn of_a_progressive_jpeg_without_its_end_the_first_scan_is_enough() {
    let whole = include_bytes!("../../../tests/photos/progressive.jpg");
    let (expected, image) = resized(whole, &width(40));
    assert_eq!(expected.warning, None);
    let (endless, _) = resized(&whole[..whole.len() - 2], &width(40));
    assert!(endless.bytes == expected.bytes);
    let (half, coarse) = resized(&whole[..whole.len() / 2], &width(40));
    assert!(half.warning.unwrap().contains("less sharp"));
    assert!(difference(&coarse, &image) < 16.0);
    let first = whole.windows(2).position(|bytes| bytes == [0xFF, 0xDA]).unwrap();
    let sentence = refusal(&whole[..first + 30], &width(40));
    assert!(sentence.contains("pixels are missing"), "{sentence}");
}

#[test]
fn gif_and_tiff_become_png() {
    for format in [ImageFormat::Gif, ImageFormat::Tiff] {
        let original = encoded(&flower().into_rgba8().into(), format);
        let (result, image) = resized(&original, &width(64));
        assert_eq!((result.format, result.warning), (Format::Png, None), "{format:?}");
        let expected = flower().resize_exact(64, 43, imageops::FilterType::Lanczos3);
        assert!(difference(&image, &expected) < 8.0, "{format:?}");
    }
}

fn animated_gif() -> Vec<u8> {
    let mut gif = Vec::new();
    let mut encoder = GifEncoder::new(&mut gif);
    for colour in [[255, 0, 0, 255], [0, 255, 0, 255]] {
        encoder.encode_frame(Frame::new(RgbaImage::from_pixel(8, 8, Rgba(colour)))).unwrap();
    }
    drop(encoder);
    gif
}

/// Two frames of one pixel each, without what would draw the second one.
fn animated_webp() -> Vec<u8> {
    let still =
        encoded(&RgbaImage::from_pixel(8, 8, Rgba([255, 0, 0, 255])).into(), ImageFormat::WebP);
    let chunk =
        |name: &[u8], body: &[u8]| [name, &(body.len() as u32).to_le_bytes(), body].concat();
    let pixels = &still[12..];
    let frame = [&[0, 0, 0, 0, 0, 0, 7, 0, 0, 7, 0, 0, 100, 0, 0, 0], pixels].concat();
    let body = [
        b"WEBP".to_vec(),
        chunk(b"VP8X", &[0x12, 0, 0, 0, 7, 0, 0, 7, 0, 0]),
        chunk(b"ANIM", &[0; 6]),
        chunk(b"ANMF", &frame),
        chunk(b"ANMF", &frame),
    ]
    .concat();
    chunk(b"RIFF", &body)
}

#[test]
fn of_an_animation_the_first_frame_is_shown_and_it_is_said() {
    for animation in [animated_gif(), animated_webp()] {
        let (result, image) = resized(&animation, &png());
        assert_near(image.get_pixel(4, 4).0, [255, 0, 0], "the first frame");
        assert!(result.warning.unwrap().contains("first frame only"));
    }
}

#[test]
fn a_need_of_memory_is_known_before() {
    let need = |original: &[u8]| need(original, &width(64), MAX_PIXELS).unwrap();
    let pixels = 640 * 427;
    assert!((3 * pixels..8 * pixels + (8 << 20)).contains(&need(FLOWER)));
    // More bits, more bytes.
    let deep = encoded(&flower().to_rgb16().into(), ImageFormat::Png);
    let plain = encoded(&flower(), ImageFormat::Png);
    assert!(need(&deep) > need(&plain) + pixels);
}

#[test]
fn a_tiff_for_print_has_the_colours_that_its_profile_says() {
    let profile = press();
    for (profile, expected) in [(None, [191, 95, 0]), (Some(&profile), [119; 3])] {
        let mut file = Cursor::new(Vec::new());
        let mut tiff = ::tiff::encoder::TiffEncoder::new(&mut file).unwrap();
        let mut page = tiff.new_image::<::tiff::encoder::colortype::CMYK8>(8, 8).unwrap();
        if let Some(profile) = profile {
            let tag = ::tiff::tags::Tag::IccProfile;
            page.encoder().write_tag(tag, profile.as_slice()).unwrap();
        }
        page.write_data(&[0, 128, 255, 64].repeat(64)).unwrap();
        assert_near(middle(&file.into_inner()), expected, "a TIFF for print");
    }
}
