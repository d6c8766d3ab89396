use bytes::Bytes;

use super::{Decode, Encode, Payload, essence, is_unspecific};
use crate::{ErrorKind, Message, Result};

/// A [`prost`] message in Protocol Buffers' binary form. Needs the feature `protobuf`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Protobuf<T>(pub T);

impl<T: prost::Message + Default + 'static> Payload for Protobuf<T> {
    const CONTENT_TYPE: &'static str = "application/x-protobuf";

    fn port_type() -> &'static str {
        "buffer"
    }

    /// The type's name, which `prost-build` takes from the definition.
    fn message_type() -> Option<&'static str> {
        std::any::type_name::<T>().split('<').next()?.rsplit("::").next()
    }

    fn accepts(content_type: &str) -> bool {
        let essence = essence(content_type).to_ascii_lowercase();
        is_unspecific(&essence)
            || matches!(
                essence.as_str(),
                "application/x-protobuf"
                    | "application/protobuf"
                    | "application/vnd.google.protobuf"
            )
    }
}

impl<T: prost::Message + Default + 'static> Decode for Protobuf<T> {
    fn decode(message: Message) -> Result<Self> {
        T::decode(message.payload).map(Protobuf).map_err(|error| {
            ErrorKind::Decode { format: "Protocol Buffers", reason: error.to_string() }.into()
        })
    }
}

impl<T: prost::Message + Default + 'static> Encode for Protobuf<T> {
    fn encode(self) -> Result<Bytes> {
        Ok(self.0.encode_to_vec().into())
    }
}
