//! Shows jobs in flight on statuspage.io.
