//! How much memory it takes to resize an image.

/// What is to be done, by what the image's head tells.
pub struct Work {
    /// The bytes of the original, of which a decoder may have a copy.
    pub file: u64,
    /// The original's width and height.
    pub from: (u32, u32),
    /// The bytes that a pixel takes while the original is read.
    pub reading: u64,
    /// The bytes that a pixel has after that.
    pub plain: u64,
    /// The result's width and height.
    pub to: (u32, u32),
}

/// For tables, stacks, and buffers of rows.
const FIXED: u64 = 4 << 20;
/// The result itself, turned, without transparency, in the encoder, and encoded.
const RESULT: u64 = 16;

/// The most bytes that it takes.
pub fn need(work: &Work) -> u64 {
    let pixels = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
    let from = pixels(work.from);
    let reading = from * work.reading;
    // Transparency is multiplied into a copy; one side is done before the other.
    let copy = if work.plain == 4 { from * work.plain } else { 0 };
    let between = pixels((work.to.0, work.from.1)).max(pixels((work.from.0, work.to.1)));
    let resizing = from * work.plain + copy + between * work.plain + pixels(work.to) * RESULT;
    2 * work.file + reading.max(resizing) + FIXED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_takes_what_its_pixels_do() {
        let (large, small, strip) = ((10_000, 10_000), (1_000, 1_000), (10_000, 1));
        let cases = [
            // A photo is never more than its pixels, where the result is small.
            ((large, 3, 3, small), 300 + 30 + 16),
            // The coefficients of a progressive one are more than what comes after.
            ((large, 9, 3, small), 900),
            // Transparency has a copy.
            ((large, 8, 4, small), 400 + 400 + 40 + 16),
            // The result may be the larger one.
            ((small, 3, 3, large), 3 + 30 + 1600),
            // What comes between may be larger than both.
            ((strip, 3, 3, (1, 10_000)), 300),
        ];
        for ((from, reading, plain, to), megabytes) in cases {
            let work = Work { file: 7_000_000, from, reading, plain, to };
            let need = need(&work);
            assert_eq!((need - FIXED) / 1_000_000, megabytes + 14, "{from:?} to {to:?}");
        }
    }
}
