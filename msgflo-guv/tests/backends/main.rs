//! What runs workers, on the other side of a wire that speaks the published schema.

mod heroku;
mod keda;
mod kubernetes;
mod manifests;
mod node;
mod statuspage;
