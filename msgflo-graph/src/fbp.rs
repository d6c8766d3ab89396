//! The .fbp language, as the reference parser (`fbp` 1.x on npm) understands it.

mod build;
mod parse;
mod write;

pub(crate) use parse::parse;
pub(crate) use write::write;
