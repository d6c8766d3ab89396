//! A service that resizes images.
mod format;
mod images;
fn main() {}
