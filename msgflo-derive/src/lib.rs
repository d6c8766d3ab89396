//! `#[derive(Participant)]`; use it by way of the crate `msgflo`.

mod expand;
mod parse;
mod validate;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct a participant: its `Inport` and `Outport` fields are its ports, all other
/// fields its own state.
///
/// ```
/// use msgflo::{Inport, Json, Outport, Participant};
/// # #[derive(serde::Deserialize)]
/// # struct Job;
/// # #[derive(serde::Serialize)]
/// # struct Resized;
/// # #[derive(Default)]
/// # struct Filter;
/// # fn work(_: Job, _: &Filter) -> std::io::Result<Resized> { Ok(Resized) }
///
/// /// Resize an image
/// #[derive(Participant, Default)]
/// #[participant(component = "imageresize/ResizeImage", icon = "file-image-o")]
/// struct ResizeImage {
///     #[inport(process = resize)]
///     r#in: Inport<Json<Job>>,
///     /// Images at their new size
///     #[outport]
///     out: Outport<Json<Resized>>,
///     filter: Filter,
/// }
///
/// impl ResizeImage {
///     async fn resize(&self, Json(job): Json<Job>) -> msgflo::Result<()> {
///         self.out.send(Json(work(job, &self.filter)?)).await
///     }
/// }
///
/// let component = ResizeImage::component();
/// assert_eq!(component.label, "Resize an image");
/// assert_eq!(component.inports[0].id, "in");
/// ```
///
/// # `#[participant(…)]`, on the struct
///
/// | key | meaning | default |
/// |---|---|---|
/// | `component = "…"` | the name of this kind of participant | `package/Struct` |
/// | `label = "…"` | what it does, in a few words | the doc comment's first paragraph |
/// | `icon = "…"` | a Font Awesome icon's name | `cog` |
///
/// # `#[inport(…)]` and `#[outport(…)]`, on fields
///
/// | key | meaning | default |
/// |---|---|---|
/// | `process = method` | the method that each message is handed to, `async fn(&self, P) -> Result<(), E>`; inports only | must be given |
/// | `id = "…"` | the port's name | the field's |
/// | `queue = "…"` | its address on the broker, where `#ROLE` stands for the role | `ROLE.PORT`, the port in capitals |
/// | `type = "…"` | what it carries, as it is announced | from the payload's type |
/// | `description = "…"` | what it is for | the field's doc comment |
/// | `schema = "…"` | a JSON schema, or the URL of one | none |
/// | `schema` | a JSON schema made from the payload's type (feature `schema`) | none |
/// | `hidden` | without a queue and not announced: a source feeds itself by it | `false` |
/// | `persistent = false` | its queue goes away with its last user | `true` |
/// | `concurrency = N` | how many messages are processed at once; inports only | as the participant is run |
///
/// The method may fail with any error that converts into `Box<dyn Error + Send + Sync>`.
#[proc_macro_derive(Participant, attributes(participant, inport, outport))]
pub fn participant(input: TokenStream) -> TokenStream {
    let node = parse_macro_input!(input as DeriveInput);
    let mut errors = Vec::new();
    let input = parse::Participant::read(&node, &mut errors);
    let ports = validate::ports(&input, &mut errors);
    match errors.into_iter().reduce(|mut all, error| {
        all.combine(error);
        all
    }) {
        None => expand::participant(&input, &ports),
        Some(errors) => expand::failure(&node, &errors),
    }
    .into()
}
