use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::*;
use crate::ErrorKind;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Photo {
    name: String,
    width: u32,
}

fn photo() -> Photo {
    Photo { name: "sea & sky".into(), width: 640 }
}

#[test]
fn port_types_follow_the_rust_type() {
    assert_eq!(Json::<bool>::port_type(), "boolean");
    assert_eq!(Json::<u16>::port_type(), "int");
    assert_eq!(Json::<f64>::port_type(), "number");
    assert_eq!(Json::<String>::port_type(), "string");
    assert_eq!(Json::<Vec<Photo>>::port_type(), "array");
    assert_eq!(Json::<[u8; 3]>::port_type(), "array");
    assert_eq!(Json::<(u8, bool)>::port_type(), "array");
    assert_eq!(Json::<Option<Box<f32>>>::port_type(), "number");
    assert_eq!(Json::<std::collections::HashMap<String, Vec<u8>>>::port_type(), "object");
    assert_eq!(Json::<Value>::port_type(), "any");
    assert_eq!(Json::<Photo>::port_type(), "object");
    assert_eq!(Any::port_type(), "any");
    assert_eq!(Bytes::port_type(), "buffer");
    assert_eq!(String::port_type(), "string");
}

#[test]
fn json_round_trips_and_names_what_is_wrong() {
    let message = encode(Json(photo())).unwrap();
    assert_eq!(message.content_type.as_deref(), Some("application/json"));
    assert_eq!(decode::<Json<Photo>>(message).unwrap().0, photo());

    let error = decode::<Json<Photo>>(Message::new(r#"{"name": 1}"#)).unwrap_err();
    assert!(matches!(error.kind(), Some(ErrorKind::Decode { format: "JSON", .. })));
    assert!(error.to_string().contains("expected a string at line 1"), "{error}");
}

#[test]
fn a_content_type_of_another_format_is_refused_before_it_is_misread() {
    let message = Message::new("{}").with_content_type("application/x-protobuf");
    let error = decode::<Json<Value>>(message).unwrap_err().to_string();
    assert!(error.contains("application/x-protobuf") && error.contains("application/json"));
    for fine in ["application/json; charset=utf-8", "text/plain", "application/ld+json", ""] {
        assert!(decode::<Json<Value>>(Message::new("{}").with_content_type(fine)).is_ok());
    }
}

#[test]
fn text_must_be_utf8() {
    assert_eq!(decode::<String>(Message::new("grüße")).unwrap(), "grüße");
    assert!(decode::<String>(Message::new(vec![0xFF])).is_err());
    let json = Message::new(r#""a\nb""#).with_content_type("application/json");
    assert_eq!(decode::<String>(json).unwrap(), "a\nb");
}

#[test]
fn any_keeps_bytes_and_content_type() {
    for bytes in [&b""[..], b"\xFF\x00", b"{ \"a\" : 1.0 }"] {
        let message = Message::new(bytes).with_content_type("x/y");
        let any = decode::<Any>(message.clone()).unwrap();
        assert_eq!(encode(any).unwrap(), message);
    }
    assert_eq!(decode::<Any>(Message::new("[1]")).unwrap().json(), Some(serde_json::json!([1])));
}

#[cfg(feature = "xml")]
#[test]
fn xml_round_trips_and_names_what_is_wrong() {
    let message = encode(Xml(photo())).unwrap();
    assert_eq!(message.content_type.as_deref(), Some("application/xml"));
    assert_eq!(decode::<Xml<Photo>>(message).unwrap().0, photo());
    let error = decode::<Xml<Photo>>(Message::new("<Photo>")).unwrap_err();
    assert!(matches!(error.kind(), Some(ErrorKind::Decode { format: "XML", .. })));
}

#[cfg(feature = "protobuf")]
#[test]
fn protobuf_round_trips_and_names_what_is_wrong() {
    // A prost message without the derive: the well-known type for `string`.
    let message = encode(Protobuf("sea".to_string())).unwrap();
    assert_eq!(message.content_type.as_deref(), Some("application/x-protobuf"));
    assert_eq!(message.payload[..], b"\x0a\x03sea"[..]);
    assert_eq!(decode::<Protobuf<String>>(message).unwrap().0, "sea");
    let error = decode::<Protobuf<String>>(Message::new(vec![0xFF])).unwrap_err();
    assert!(matches!(error.kind(), Some(ErrorKind::Decode { format: "Protocol Buffers", .. })));
}
