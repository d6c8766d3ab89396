//! How large a result is to be.

use serde::{Deserialize, Serialize};

use super::{Unusable, megapixels};
use crate::format::Format;

/// The longest side of a result, in pixels: the longest that WebP can have.
pub const MAX_SIDE: u32 = 16_383;

/// What an image is to become. With one side given, the other keeps the aspect ratio; with
/// both, the result has exactly that size: the image fills it, and what stands out on two
/// sides is cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Wanted {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// As it came, where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
}

impl Wanted {
    /// The result's width and height, from those of the original.
    pub fn size(&self, width: u32, height: u32) -> (u32, u32) {
        match (self.width, self.height) {
            (Some(wanted_width), Some(wanted_height)) => (wanted_width, wanted_height),
            (Some(wanted), None) => (wanted, in_proportion(height, wanted, width)),
            (None, Some(wanted)) => (in_proportion(width, wanted, height), wanted),
            (None, None) => (width, height),
        }
    }
}

/// `side * wanted / other`, to the nearest pixel.
fn in_proportion(side: u32, wanted: u32, other: u32) -> u32 {
    let exact = f64::from(side) * f64::from(wanted) / f64::from(other.max(1));
    (exact.round() as u32).max(1)
}

/// Refuses a result that is empty or too large.
pub fn check(width: u32, height: u32, max_pixels: u64) -> Result<(), Unusable> {
    let refuse = |limit: String| {
        Err(Unusable(format!("the result would have {width} x {height} pixels: {limit}")))
    };
    if width == 0 || height == 0 {
        return refuse("neither side can be 0".into());
    }
    if width > MAX_SIDE || height > MAX_SIDE {
        return refuse(format!("a side can have {MAX_SIDE} at most"));
    }
    if u64::from(width) * u64::from(height) > max_pixels {
        return refuse(format!("at most {} million are made", megapixels(max_pixels)));
    }
    Ok(())
}
