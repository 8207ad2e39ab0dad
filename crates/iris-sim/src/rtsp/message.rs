//! Messages on a byte stream: where one ends and the next begins, and how large they may be. Their meaning is the
//! dialogue's business.

use rtsp_types::{Message, ParseError, StatusCode};

/// The longest request, in bytes.
const MAX_REQUEST: usize = 16 * 1024;
/// The longest interleaved packet with its framing (RFC 2326 §10.12), in bytes.
const MAX_INTERLEAVED: usize = 4 + u16::MAX as usize;

/// Bytes received and not yet understood.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
}

impl Inbox {
    /// Adds what was received.
    pub(super) fn extend(&mut self, received: &[u8]) {
        self.bytes.extend_from_slice(received);
    }

    /// The next whole message, if there is one. An error is the answer to what cannot be understood; nothing after it
    /// can be, either.
    pub(super) fn next(&mut self) -> Result<Option<Message<Vec<u8>>>, StatusCode> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        match Message::parse(&self.bytes) {
            Ok((message, consumed)) => {
                self.bytes.drain(..consumed);
                Ok(Some(message))
            }
            Err(ParseError::Incomplete(_)) if self.bytes.len() < self.limit() => Ok(None),
            Err(ParseError::Incomplete(_)) => Err(StatusCode::RequestMessageBodyTooLarge),
            Err(ParseError::Error) => Err(StatusCode::BadRequest),
        }
    }

    fn limit(&self) -> usize {
        if self.bytes[0] == b'$' { MAX_INTERLEAVED } else { MAX_REQUEST }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OPTIONS: &[u8] = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";

    #[test]
    fn messages_are_found_however_they_arrive() {
        let stream = [OPTIONS, b"$\x01\0\x02ab", OPTIONS].concat();
        for step in 1..stream.len() {
            let (mut inbox, mut kinds) = (Inbox::default(), String::new());
            for piece in stream.chunks(step) {
                inbox.extend(piece);
                while let Some(message) = inbox.next().expect("sound messages") {
                    kinds.push(if matches!(message, Message::Data(_)) { 'd' } else { 'r' });
                }
            }
            assert_eq!(kinds, "rdr", "in pieces of {step}");
        }
    }

    #[test]
    fn what_is_malformed_or_too_large_is_refused() {
        let endless = |head: &str, n: usize| [head.as_bytes(), &vec![b'a'; n]].concat();
        let cases = [
            (b"GET / HTTP/1.1\r\n\r\n".to_vec(), StatusCode::BadRequest),
            (b"\0\0\0\0".to_vec(), StatusCode::BadRequest),
            (b"OPTIONS * RTSP/1.0\r\nContent-Length: -1\r\n\r\n".to_vec(), StatusCode::BadRequest),
            (b"OPTIONS rtsp://[ RTSP/1.0\r\nCSeq: 1\r\n\r\n".to_vec(), StatusCode::BadRequest),
            (endless("", MAX_REQUEST), StatusCode::RequestMessageBodyTooLarge),
            (endless("OPTIONS * RTSP/1.0\r\nX: ", MAX_REQUEST), StatusCode::RequestMessageBodyTooLarge),
            (
                endless("OPTIONS * RTSP/1.0\r\nContent-Length: 99999999\r\n\r\n", MAX_REQUEST),
                StatusCode::RequestMessageBodyTooLarge,
            ),
        ];
        for (bytes, expected) in cases {
            let mut inbox = Inbox::default();
            inbox.extend(&bytes);
            assert_eq!(
                inbox.next().map(|_| ()),
                Err(expected),
                "{:?}",
                String::from_utf8_lossy(&bytes[..20.min(bytes.len())])
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_message_or_refused(bytes: Vec<u8>, is_request: bool) {
            let mut inbox = Inbox::default();
            if is_request {
                inbox.extend(b"SETUP rtsp://a/cam/0 RTSP/1.0\r\n");
            }
            inbox.extend(&bytes);
            while let Ok(Some(_)) = inbox.next() {}
        }
    }
}
