//! What an image is to become, as it is asked for. Errors are sentences.

use crate::images::{MAX_SIDE, Wanted};

/// A field's value; empty is as good as not there.
pub fn side(name: &str, value: &str) -> Result<Option<u64>, String> {
    if value.is_empty() {
        return Ok(None);
    }
    value.parse().map(Some).map_err(|_| no_side(name, value))
}

/// Checks what is asked for, as far as that can be done without the image.
pub fn wanted(
    width: Option<u64>,
    height: Option<u64>,
    format: Option<&str>,
) -> Result<Wanted, String> {
    if width.is_none() && height.is_none() {
        return Err("neither width nor height is given: give one, or both".into());
    }
    let check = |name, side: Option<u64>| match side {
        None => Ok(None),
        Some(side) => u32::try_from(side)
            .ok()
            .filter(|side| (1..=MAX_SIDE).contains(side))
            .map(Some)
            .ok_or_else(|| no_side(name, &side.to_string())),
    };
    let format = format.filter(|format| !format.is_empty()).map(str::parse).transpose()?;
    Ok(Wanted { width: check("width", width)?, height: check("height", height)?, format })
}

fn no_side(name: &str, value: &str) -> String {
    format!("{name} must be a whole number of pixels from 1 to {MAX_SIDE}, not `{value}`")
}
