//! Where a source is. The only place that knows a camera's password: it parses an address under an allow-list, hands
//! the credentials to the protocol that needs them, and shows itself without them. It opens nothing.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::limits::MAX_URL;
use crate::{Error, ErrorKind, Result};

/// The address of a source: `rtsp`, `rtsps`, `http`, `https`, or the plain path of a file.
///
/// `Display` and `Debug` show neither user nor password, nor what follows a `=` in path or query, where many cameras
/// want their credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceUrl(Address);

#[derive(Clone, PartialEq, Eq)]
enum Address {
    Url(Protocol, Url),
    File(PathBuf),
}

/// How a source is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// RTSP 1.0 over TCP (RFC 2326).
    Rtsp,
    /// RTSP over TLS.
    Rtsps,
    /// HTTP or HTTPS: multipart JPEG or HLS.
    Http,
    /// A file.
    File,
}

/// What a camera asks for at sign-in, decoded.
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl SourceUrl {
    /// Parses an address.
    ///
    /// Fails with [`ErrorKind::BadUrl`] on an empty or overlong text, one with control characters, or a URL without
    /// host; with [`ErrorKind::SourceDenied`] on every other scheme. A text whose first path segment holds a `:` is
    /// taken for a URL; write `./a:b.mp4` to name such a file.
    pub fn parse(text: &str) -> Result<Self> {
        if text.is_empty() || text.len() > MAX_URL {
            return Err(bad(format!("an address has 1 to {MAX_URL} bytes, not {}", text.len())));
        }
        if text.chars().any(char::is_control) || text.starts_with(char::is_whitespace) {
            return Err(bad("an address has no line ends, NUL, other control characters or leading spaces"));
        }
        let first = text.split('/').next().unwrap_or_default();
        match first.split_once(':') {
            None => Ok(Self(Address::File(text.into()))),
            Some((scheme, _)) => Self::parse_url(scheme, text),
        }
    }

    fn parse_url(scheme: &str, text: &str) -> Result<Self> {
        let protocol = match scheme.to_ascii_lowercase().as_str() {
            "rtsp" => Protocol::Rtsp,
            "rtsps" => Protocol::Rtsps,
            "http" | "https" => Protocol::Http,
            _ => {
                let message = "only rtsp, rtsps, http and https addresses and plain file paths are taken";
                return Err(Error::unparsed(ErrorKind::SourceDenied, message));
            }
        };
        // The parser's own message may quote the text, and with it the password.
        let url = Url::parse(text).map_err(|_| bad("not a valid URL; a password's / ? # and % must be %-encoded"))?;
        if url.host_str().is_none_or(str::is_empty) || !text[scheme.len()..].starts_with("://") {
            return Err(bad(format!(
                "a {protocol} address has the form {protocol}://[user:password@]host[:port]/path"
            )));
        }
        let decoded = [url.username(), url.password().unwrap_or_default()].map(decode);
        if decoded.iter().any(|part| part.as_deref().is_none_or(|s| s.contains(char::is_control))) {
            return Err(bad("user name and password are UTF-8 without control characters"));
        }
        Ok(Self(Address::Url(protocol, url)))
    }

    /// How the source is spoken to.
    pub fn protocol(&self) -> Protocol {
        match &self.0 {
            Address::Url(protocol, _) => *protocol,
            Address::File(_) => Protocol::File,
        }
    }

    /// The path, if the source is a file.
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Address::Url(..) => None,
            Address::File(path) => Some(path),
        }
    }

    /// The address without user and password, for a protocol that is given them apart.
    pub(crate) fn bare(&self) -> Option<Url> {
        let Address::Url(_, url) = &self.0 else { return None };
        let mut url = url.clone();
        // Neither can fail: the scheme has a host.
        (url.set_username("").is_ok() && url.set_password(None).is_ok()).then_some(url)
    }

    /// User and password, if the address has them.
    pub(crate) fn credentials(&self) -> Option<Credentials> {
        let Address::Url(_, url) = &self.0 else { return None };
        if url.username().is_empty() && url.password().is_none() {
            return None;
        }
        Some(Credentials { user: decode(url.username())?, password: decode(url.password().unwrap_or_default())? })
    }

    /// The address as FFmpeg wants it, secrets and all. A path gets the prefix that keeps FFmpeg from looking for a
    /// protocol in it.
    pub(crate) fn for_ffmpeg(&self) -> String {
        match &self.0 {
            Address::Url(_, url) => url.as_str().to_owned(),
            Address::File(path) => format!("file:{}", path.display()),
        }
    }

    /// Whether `other` is on the same host and port and speaks HTTP.
    pub(crate) fn same_http_host(&self, other: &str) -> bool {
        let (Address::Url(_, own), Ok(other)) = (&self.0, Url::parse(other)) else { return false };
        matches!(other.scheme(), "http" | "https")
            && own.host() == other.host()
            && own.port_or_known_default() == other.port_or_known_default()
    }

    /// `text` without this address's secrets, wherever they stand in it.
    pub fn redact(&self, text: &str) -> String {
        let Address::Url(_, url) = &self.0 else { return text.to_owned() };
        let raw = url.password().unwrap_or_default();
        let decoded = decode(raw).unwrap_or_default();
        let pair = format!("{}:{raw}", url.username());
        let query = url.query().filter(|q| q.contains('=')).unwrap_or_default();
        [pair.as_str(), query, raw, &decoded]
            .into_iter()
            // One or two characters would mutilate the text without hiding anything.
            .filter(|secret| secret.len() > 2)
            .fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }
}

fn bad(message: impl Into<Box<str>>) -> Error {
    Error::unparsed(ErrorKind::BadUrl, message)
}

fn decode(part: &str) -> Option<String> {
    percent_decode_str(part).decode_utf8().ok().map(Into::into)
}

impl FromStr for SourceUrl {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl fmt::Display for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = match &self.0 {
            Address::File(path) => return path.display().fmt(f),
            Address::Url(_, url) => url,
        };
        write!(f, "{}://", url.scheme())?;
        if !url.username().is_empty() || url.password().is_some() {
            f.write_str("***@")?;
        }
        f.write_str(url.host_str().unwrap_or_default())?;
        if let Some(port) = url.port() {
            write!(f, ":{port}")?;
        }
        let shown = &url[url::Position::BeforePath..];
        match shown.split_once('=') {
            Some((name, _)) => write!(f, "{name}=***"),
            None => f.write_str(shown),
        }
    }
}

impl fmt::Debug for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Rtsp => "rtsp",
            Self::Rtsps => "rtsps",
            Self::Http => "http",
            Self::File => "file",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken() {
        for (text, protocol) in [
            ("rtsp://10.0.0.1/live", Protocol::Rtsp),
            ("RTSP://cam.local:8554/a?b=c", Protocol::Rtsp),
            ("rtsps://[fe80::1]:322/live", Protocol::Rtsps),
            ("http://cam/video.mjpg", Protocol::Http),
            ("https://cam/live.m3u8", Protocol::Http),
            ("clip.mp4", Protocol::File),
            ("/data/2024-01-01T12:00.mkv", Protocol::File),
            ("./12:00.ts", Protocol::File),
        ] {
            let url: SourceUrl = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(url.protocol(), protocol, "{text}");
        }
    }

    #[test]
    fn everything_else_is_denied() {
        for text in [
            "file:///etc/passwd",
            "FILE:///etc/passwd",
            "file:/etc/passwd",
            "%66ile:///etc/passwd",
            "concat:/etc/passwd|x",
            "subfile:,,start,0,end,9,,:/etc/passwd",
            "data:text/plain,x",
            "pipe:0",
            "crypto:x",
            "cache:http://x/",
            "async:x",
            "tee:x",
            "fd:0",
            "unix:/run/x",
            "lavfi:movie=x",
            "gopher://x/",
            "ftp://x/",
            "sftp://x/",
            "srtp://x/",
            "rtp://x/",
            "udp://@:1234",
            "tcp://x:1/",
            "rtmp://x/",
            "ffrtmpcrypt://x/",
            "exec:ls",
            "echo:x",
            "expr:x",
            "ffmpeg:rtsp://x#raw=-vf x",
            "hls+http://x/",
        ] {
            let error = text.parse::<SourceUrl>().expect_err(text);
            assert_eq!(error.kind(), ErrorKind::SourceDenied, "{text}");
            assert!(!error.to_string().contains("passwd"));
        }
    }

    #[test]
    fn what_is_no_address_at_all() {
        let long = format!("rtsp://h/{}", "x".repeat(MAX_URL));
        for text in [
            "",
            " file:///etc/passwd",
            "rtsp://h/a\r\nSETUP x",
            "rtsp://h/\0",
            "clip\n.mp4",
            "rtsp:",
            "rtsp:///live",
            "rtsp:h/live",
            "http:h/live",
            "rtsp://u:p%0d%0ax@h/",
            "rtsp://u:%ff@h/",
            "rtsp://h:99999/",
            "rtsp://[fe80::1%25eth0]/",
            &long,
        ] {
            let error = text.parse::<SourceUrl>().expect_err(text);
            assert_eq!(error.kind(), ErrorKind::BadUrl, "{text:?}");
        }
    }

    #[test]
    fn credentials_come_out_as_they_were_meant_and_nowhere_else() {
        for (text, user, password) in [
            ("rtsp://u:p%40%3A%2F%20x@h/live", "u", "p@:/ x"),
            ("rtsp://u:p@ss wörd@h/live", "u", "p@ss wörd"),
            ("http://us%65r:@h/", "user", ""),
            ("rtsp://user@h/", "user", ""),
        ] {
            let url: SourceUrl = text.parse().unwrap();
            let credentials = url.credentials().unwrap();
            assert_eq!((credentials.user.as_str(), credentials.password.as_str()), (user, password));
            assert!(!url.bare().unwrap().as_str().contains('@'));
            let shown = format!("{url} {url:?}");
            assert!(shown.contains("***@h/") && !shown.contains("ss") && !shown.contains("user"), "{shown}");
        }
        assert!("rtsp://h/".parse::<SourceUrl>().unwrap().credentials().is_none());
    }

    #[test]
    fn secrets_in_path_and_query_are_not_shown() {
        for text in ["http://h/video?user=a&pwd=canary", "rtsp://h/user=admin&password=canary&channel=1.sdp"] {
            let url: SourceUrl = text.parse().unwrap();
            assert!(!format!("{url} {url:?}").contains("canary"), "{url}");
            assert!(url.for_ffmpeg().contains("canary"));
        }
    }

    #[test]
    fn a_playlist_may_only_name_its_own_host() {
        let url: SourceUrl = "http://u:p@cam:8080/live.m3u8".parse().unwrap();
        for (other, same) in [
            ("http://cam:8080/1.ts", true),
            ("http://u:p@cam:8080/1.ts", true),
            ("http://cam/1.ts", false),
            ("http://169.254.169.254/", false),
            ("file:///etc/passwd", false),
            ("rtsp://cam:8080/", false),
            ("crypto+http://cam:8080/", false),
            ("/etc/passwd", false),
        ] {
            assert_eq!(url.same_http_host(other), same, "{other}");
        }
    }

    #[test]
    fn a_path_is_never_taken_for_a_protocol() {
        let url: SourceUrl = "./concat:a".parse().unwrap();
        assert_eq!(url.for_ffmpeg(), "file:./concat:a");
    }
}
