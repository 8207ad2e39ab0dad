//! Bodies in gzip (RFC 1952) and deflate (RFC 9110 §8.4.1.2: the zlib format of RFC 1950).

use std::io::{self, Read, Write};

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use bytes::Bytes;
use flate2::Compression;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::door::{Code, Problem};

/// A coding of bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Deflate,
}

impl Coding {
    /// Its name in headers; none for bodies as they are.
    pub(crate) const fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Deflate => Some("deflate"),
        }
    }

    /// How the body of a request is coded.
    ///
    /// # Errors
    /// In a way that is not read here.
    pub(crate) fn of_request(headers: &HeaderMap) -> Result<Self, Problem> {
        Self::named(headers.get(CONTENT_ENCODING).map_or("", |value| value.to_str().unwrap_or("?")))
    }

    /// The coding of that name.
    ///
    /// # Errors
    /// It is not read here.
    pub(crate) fn named(name: &str) -> Result<Self, Problem> {
        match name.trim() {
            "" | "identity" => Ok(Self::Identity),
            "gzip" => Ok(Self::Gzip),
            "deflate" => Ok(Self::Deflate),
            _ => Err(Problem::new(Code::UnsupportedMediaType, "a body may be coded as gzip or deflate")),
        }
    }

    /// How the one who asks wants the answer to be coded. The first that is known counts.
    pub(crate) fn of_answer(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        let mut codings = values.flat_map(|value| value.split(',')).filter_map(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let is_refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse() == Ok(0.0_f32));
            match name.trim() {
                _ if is_refused => None,
                "gzip" => Some(Self::Gzip),
                "deflate" => Some(Self::Deflate),
                _ => None,
            }
        });
        codings.next().unwrap_or(Self::Identity)
    }

    /// A body as it was before it was coded, of at most `most` bytes. What is larger is not decoded to its end.
    ///
    /// # Errors
    /// It is larger, or not coded so.
    pub(crate) fn decode(self, body: Bytes, most: usize) -> Result<Bytes, Problem> {
        let mut whole = Vec::new();
        let limit = most as u64 + 1;
        let read = match self {
            Self::Identity => return Ok(body),
            Self::Gzip => MultiGzDecoder::new(&*body).take(limit).read_to_end(&mut whole),
            Self::Deflate => ZlibDecoder::new(&*body).take(limit).read_to_end(&mut whole),
        };
        match read {
            Ok(size) if size > most => Err(Problem::new(
                Code::TooLarge,
                format!("a body may have {most} bytes, also after it was decompressed"),
            )),
            Ok(_) => Ok(whole.into()),
            Err(error) => Err(Problem::new(Code::BadRequest, format!("the body is not what its coding says: {error}"))),
        }
    }

    /// A body in this coding, as small as is possible without much work.
    ///
    /// # Errors
    /// None that is known, since all happens in memory.
    pub(crate) fn encode(self, body: Vec<u8>) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity => Ok(body),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(&body)?;
                encoder.finish()
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(&body)?;
                encoder.finish()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_up_to_the_limit() {
        let body = vec![7; 100_000];
        for coding in [Coding::Identity, Coding::Gzip, Coding::Deflate] {
            let coded = coding.encode(body.clone()).expect("in memory");
            assert!(coding == Coding::Identity || coded.len() < 2000, "{coding:?}: {}", coded.len());
            assert_eq!(coding.decode(coded.clone().into(), 100_000).expect("it fits"), body);
            let Err(refused) = coding.decode(coded.into(), 99_999) else {
                assert_eq!(coding, Coding::Identity, "its size was looked at when it was read");
                continue;
            };
            assert_eq!(refused.code, Code::TooLarge);
        }
    }

    #[test]
    fn what_is_broken_or_something_else_is_refused() {
        for coding in [Coding::Gzip, Coding::Deflate] {
            let coded = coding.encode(vec![7; 1000]).expect("in memory");
            for body in [&coded[..coded.len() / 2], b"no such thing", b""] {
                let refused = coding.decode(Bytes::copy_from_slice(body), 5000).expect_err("it is broken");
                assert_eq!(refused.code, Code::BadRequest, "{coding:?}");
            }
        }
    }

    #[test]
    fn headers_say_which() {
        let headers = |name: &'static str, value: &str| {
            HeaderMap::from_iter([(name.parse().expect("a name"), value.parse().expect("a value"))])
        };
        for (value, coding) in [
            ("gzip", Coding::Gzip),
            ("br, deflate;q=0.5, gzip", Coding::Deflate),
            ("gzip;q=0, deflate", Coding::Deflate),
            ("br", Coding::Identity),
            ("", Coding::Identity),
        ] {
            assert_eq!(Coding::of_answer(&headers("accept-encoding", value)), coding, "{value}");
        }
        for (value, coding) in [
            ("gzip", Some(Coding::Gzip)),
            ("deflate", Some(Coding::Deflate)),
            ("identity", Some(Coding::Identity)),
            ("br", None),
            ("gzip, gzip", None),
        ] {
            assert_eq!(Coding::of_request(&headers("content-encoding", value)).ok(), coding, "{value}");
        }
    }
}
