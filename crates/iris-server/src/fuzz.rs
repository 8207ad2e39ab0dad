//! What the fuzz targets call and nothing else does.

use bytes::Bytes;

/// Reads a request to a model whose JSON part has `json` bytes; all of it, if not given.
pub fn request(body: &Bytes, json: Option<usize>) {
    // A refusal is as good as a request.
    crate::oip::body::read(body, json).ok();
}
