//! A part of a file as HTTP asks for it (RFC 9110 §14): one range of bytes. What is no single range of bytes is ignored, and
//! the whole file is the answer, as the RFC allows.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::App;
use super::problem::{Code, Problem};

/// How much is read at once.
const CHUNK: u64 = 256 << 10;

/// What of a file is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part(Range<u64>),
    /// Nothing that there is.
    Beyond,
}

/// Answers with a file of `length` bytes, or the part that `headers` ask for. It is read as the client takes it.
pub(super) fn answer(app: App, file: File, length: u64, kind: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let (status, range) = match wanted(headers, length) {
        Wanted::All => (StatusCode::OK, 0..length),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Beyond => {
            let problem = Problem::new(Code::RangeNotSatisfiable, format!("there are {length} bytes"));
            let mut response = problem.into_response();
            response.headers_mut().extend([(header::CONTENT_RANGE, content_range(None, length)?)]);
            return Ok(response);
        }
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let value = |text: String| text.parse().map_err(|_| Problem::new(Code::Internal, "no header"));
    response.headers_mut().extend([
        (header::CONTENT_TYPE, value(kind.to_owned())?),
        (header::CONTENT_LENGTH, value((range.end - range.start).to_string())?),
        (header::ACCEPT_RANGES, value("bytes".to_owned())?),
        (header::CACHE_CONTROL, value("private, no-store".to_owned())?),
    ]);
    if status == StatusCode::PARTIAL_CONTENT {
        response.headers_mut().extend([(header::CONTENT_RANGE, content_range(Some(&range), length)?)]);
    }
    *response.body_mut() = Body::from_stream(read(app, file, range));
    Ok(response)
}

/// The bytes of a range, chunk by chunk.
fn read(app: App, file: File, range: Range<u64>) -> impl futures::Stream<Item = std::io::Result<Bytes>> {
    let state = (app, Arc::new(file), range);
    futures::stream::try_unfold(state, |(app, file, range)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let at = range.start;
        let length = (range.end - at).min(CHUNK);
        let source = Arc::clone(&file);
        let chunk = app.blocking(move |_| {
            let mut chunk = vec![0; length as usize];
            source
                .read_exact_at(&mut chunk, at)
                .map(|()| chunk)
                .map_err(|e| Problem::new(Code::Internal, e.to_string()))
        });
        let chunk = chunk.await.map_err(|problem| std::io::Error::other(problem.detail))?;
        Ok(Some((Bytes::from(chunk), (app, file, at + length..range.end))))
    })
}

fn content_range(range: Option<&Range<u64>>, length: u64) -> Result<axum::http::HeaderValue, Problem> {
    let part = range.map_or_else(|| "*".to_owned(), |range| format!("{}-{}", range.start, range.end - 1));
    format!("bytes {part}/{length}").parse().map_err(|_| Problem::new(Code::Internal, "no header"))
}

fn wanted(headers: &HeaderMap, length: u64) -> Wanted {
    let text = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Some((first, last)) = text.and_then(|text| text.strip_prefix("bytes=")?.split_once('-')) else {
        return Wanted::All;
    };
    let number = |text: &str| if text.is_empty() { Some(None) } else { text.parse::<u64>().ok().map(Some) };
    match (number(first), number(last)) {
        (Some(None), Some(Some(0))) => Wanted::Beyond,
        (Some(None), Some(Some(suffix))) => Wanted::Part(length.saturating_sub(suffix)..length),
        (Some(Some(first)), Some(last)) if last.is_none_or(|last| first <= last) => {
            let end = last.map_or(length, |last| last.saturating_add(1).min(length));
            if first < length { Wanted::Part(first..end) } else { Wanted::Beyond }
        }
        _ => Wanted::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_of_bytes_is_understood() {
        for (range, expected) in [
            ("bytes=0-", Wanted::Part(0..100)),
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=10-19", Wanted::Part(10..20)),
            ("bytes=90-1000", Wanted::Part(90..100)),
            ("bytes=-10", Wanted::Part(90..100)),
            ("bytes=-1000", Wanted::Part(0..100)),
            ("bytes=100-", Wanted::Beyond),
            ("bytes=-0", Wanted::Beyond),
            ("bytes=5-4", Wanted::All),
            ("bytes=0-1,5-6", Wanted::All),
            ("bytes=", Wanted::All),
            ("bytes=-", Wanted::All),
            ("bytes=a-b", Wanted::All),
            ("bytes=18446744073709551616-", Wanted::All),
            ("bytes=0-18446744073709551615", Wanted::Part(0..100)),
            ("items=0-1", Wanted::All),
        ] {
            let headers = HeaderMap::from_iter([(header::RANGE, range.parse().expect("a value"))]);
            assert_eq!(wanted(&headers, 100), expected, "{range}");
        }
        assert_eq!(wanted(&HeaderMap::new(), 100), Wanted::All);
    }
}
