//! stub
use proc_macro::TokenStream;
/// Stub
#[proc_macro_derive(Participant, attributes(participant, inport, outport))]
pub fn participant(_input: TokenStream) -> TokenStream {
    TokenStream::new()
}
