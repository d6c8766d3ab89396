//! The formats that images come and go in.

use std::str::FromStr;

use image::ImageFormat;
use serde::{Deserialize, Serialize};

/// An image format, named in lower case wherever it is written: `jpeg`, `png`, `webp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Jpeg,
    Png,
    Webp,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Webp => "webp",
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
        }
    }

    /// What an image becomes where nothing is said: what it is, or what keeps all of it. `None`
    /// for what is not read.
    pub fn of_codec(codec: ImageFormat) -> Option<Self> {
        match codec {
            ImageFormat::Jpeg => Some(Self::Jpeg),
            ImageFormat::Png | ImageFormat::Gif | ImageFormat::Tiff => Some(Self::Png),
            ImageFormat::WebP => Some(Self::Webp),
            _ => None,
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name.to_ascii_lowercase().as_str() {
            "jpeg" | "jpg" => Ok(Self::Jpeg),
            "png" => Ok(Self::Png),
            "webp" => Ok(Self::Webp),
            _ => Err(format!("format must be jpeg, png or webp, not `{name}`")),
        }
    }
}
