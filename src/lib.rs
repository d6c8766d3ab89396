//! stub
pub use msgflo_core::*;
