//! `#[derive(Participant)]`; use it by way of the crate `msgflo`.

mod expand;
mod options;
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
/// | `crate = "…"` | what the crate `msgflo` is called where it was renamed | `msgflo` |
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
/// | `concurrency = N` | how many messages are processed at once | as the participant is run |
/// | `attempts = N` | how often a message is tried before it is a dead letter | as the participant is run: 1 |
/// | `backoff = "1s..5m"` | the pause between two attempts: doubled each time, from the first to the second, with jitter; `"5s"` is always that | as the participant is run: `1s..5m` |
/// | `timeout = "60s"` | an attempt that takes longer has failed; the method's future is dropped | none |
/// | `batch = N` | the method gets up to so many messages at once, as a `Vec<P>`: `async fn(&self, Vec<P>)` | one by one |
/// | `linger = "1s"` | how long a batch that is not full waits for more | `100ms` |
/// | `blocking` | the method blocks, and is not async, `fn(&self, P)`: it runs on a thread of its own, and sends by `send_blocking` | `false` |
/// | `parallel` | messages are processed on all of the runtime's threads; else on one at a time, which costs less | `false` |
/// | `ordered_by = "…"` | messages with the same value of this header are processed one after the other | others overtake |
/// | `replies` | what comes answers requests (`Outport::request`, `Network::request`); it needs no `process`, which would get what answers none | `false` |
/// | `max_priority = N` | up to 255: messages of a higher priority go first | all are alike |
/// | `headers = required` | outports only, as are `delay`, `expiry` and `priority`: the participant does not start on a transport that cannot do it | dropped with a warning (headers), or an error of `send` |
///
/// From `concurrency` to `max_priority`, they are for inports only.
///
/// The method may take a `msgflo::Context` as its last argument, and may fail with any error that converts
/// into `Box<dyn Error + Send + Sync>`, `anyhow::Error` included. With `batch`, all messages are settled
/// together; on an error, each is tried alone. A `hidden` port has no queue, so what says how messages of a
/// queue are dealt with (`attempts`, `batch`, …) is refused there.
///
/// The struct may have type parameters and constants: dependencies are put in by them, or mocks. Its fields
/// must then be `Send + Sync + 'static`; that is asked for by itself. All that a struct becomes has the same
/// component's name, whatever is put in.
///
/// ```
/// use msgflo::{Context, Inport, Json, Outport, Participant};
///
/// /// What is done with rows: a database, or something in its place in tests
/// trait Database: Send + Sync + 'static {
///     fn insert(&self, rows: &[u32]) -> std::io::Result<()>;
/// }
///
/// /// Write rows, many at once
/// #[derive(Participant)]
/// struct Store<D: Database> {
///     #[inport(process = write, batch = 100, linger = "1s", attempts = 5, backoff = "1s..5m")]
///     rows: Inport<Json<u32>>,
///     database: D,
/// }
///
/// impl<D: Database> Store<D> {
///     async fn write(&self, rows: Vec<Json<u32>>, context: Context) -> anyhow::Result<()> {
///         if context.attempt() > 1 {
///             eprintln!("again: {} rows", rows.len());
///         }
///         let rows: Vec<u32> = rows.into_iter().map(|Json(row)| row).collect();
///         self.database.insert(&rows)?;
///         Ok(())
///     }
/// }
/// ```
///
/// A method that blocks, and an inport that takes what comes back of requests:
///
/// ```
/// use std::time::Duration;
///
/// use msgflo::{Inport, Json, Outport, Participant};
///
/// /// Tell how large files are
/// #[derive(Participant, Default)]
/// struct Measure {
///     #[inport(process = measure, blocking, concurrency = 4, timeout = "60s")]
///     path: Inport<String>,
///     #[outport]
///     size: Outport<Json<u64>>,
/// }
///
/// impl Measure {
///     fn measure(&self, path: String) -> anyhow::Result<()> {
///         let size = std::fs::metadata(path)?.len();
///         Ok(self.size.send_blocking(Json(size))?)
///     }
/// }
///
/// /// Ask, and wait for the answer
/// #[derive(Participant, Default)]
/// struct Front {
///     #[outport(headers = required)]
///     path: Outport<String>,
///     #[inport(replies)]
///     size: Inport<Json<u64>>,
/// }
///
/// impl Front {
///     async fn size(&self, path: &str) -> msgflo::Result<u64> {
///         let asked = self.path.request::<Json<u64>>(path.into());
///         Ok(asked.timeout(Duration::from_secs(10)).await?.0)
///     }
/// }
/// ```
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
        Some(errors) => expand::failure(&input, &errors),
    }
    .into()
}
