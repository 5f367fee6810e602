//! What reaches the engine's front: its users are ours and the operator's tools, its bytes are anyone's who gets in.

use passant_engine::outside;

/// The text of a statement.
pub(crate) fn statement(bytes: &[u8]) {
    outside::statement(bytes);
}

/// A compressed body, in two pieces: where it is cut changes nothing.
pub(crate) fn compressed(bytes: &[u8]) {
    let whole = outside::decompressed(&[bytes]);
    let (one, two) = bytes.split_at(bytes.len() / 2);
    assert_eq!(outside::decompressed(&[one, two]), whole);
}

/// The URL of a request.
pub(crate) fn request(bytes: &[u8]) {
    if let Ok(uri) = String::from_utf8_lossy(bytes).parse::<http::Uri>() {
        outside::request(&uri);
    }
}
