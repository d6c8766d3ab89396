//! What travels beside a payload: text by name.

use std::fmt;
use std::sync::Arc;

/// Names that begin so are msgflo's own: how often a message was tried, why it is a dead letter.
pub const RESERVED: &str = "msgflo-";

/// The headers of a message: text to text, in the order in which they were added (RabbitMQ sorts them).
///
/// A name is compared letter by letter. One may be there several times, as in MQTT 5.
///
/// ```
/// use msgflo_core::Headers;
///
/// let mut headers = Headers::default();
/// headers.insert("tenant", "a");
/// headers.insert("tenant", "b");
/// assert_eq!(headers.get("tenant"), Some("b"));
/// assert_eq!(headers.iter().collect::<Vec<_>>(), [("tenant", "b")]);
/// ```
#[derive(Clone, Default)]
pub struct Headers(Vec<(Arc<str>, Arc<str>)>);

/// Where there are none.
pub(crate) static NO_HEADERS: Headers = Headers(Vec::new());

impl Headers {
    /// The value of a header; of several with the same name, the first.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Sets a header, in place of all that have its name.
    pub fn insert(&mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) {
        let name = name.into();
        self.remove(&name);
        self.0.push((name, value.into()));
    }

    /// Adds a header beside those that have the same name.
    pub fn append(&mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) {
        self.0.push((name.into(), value.into()));
    }

    /// Takes all headers of this name away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| **known != *name);
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bytes all names and values have together.
    pub fn size(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// Those that are not msgflo's own.
    pub(crate) fn of_the_user(&self) -> Self {
        Self(self.0.iter().filter(|(name, _)| !name.starts_with(RESERVED)).cloned().collect())
    }
}

/// The same names and values, in whatever order: AMQP keeps none.
impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        if self.0.len() != other.0.len() {
            return false;
        }
        let sorted = |headers: &Self| {
            let mut sorted: Vec<_> = headers.0.clone();
            sorted.sort();
            sorted
        };
        self.0 == other.0 || sorted(self) == sorted(other)
    }
}

impl Eq for Headers {}

impl<N: Into<Arc<str>>, V: Into<Arc<str>>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        Self(headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
