//! Sign-in: digest access authentication with MD5 (RFC 2617 §3.2, with and without `qop`; the same in RFC 7616), and
//! basic (RFC 7617). Which requests need it is the dialogue's business.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest as _, Md5};
use rtsp_types::{Request, headers};
use url::Url;

const REALM: &str = "iris-sim";

/// How a client proves that it knows the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// By a hash.
    #[default]
    Digest,
    /// By sending it.
    Basic,
}

/// The user and the password that all cameras of a farm ask for.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    password: String,
    scheme: Scheme,
}

impl Credentials {
    /// To be proved by digest.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: user.into(), password: password.into(), scheme: Scheme::Digest }
    }

    /// To be proved in another way.
    #[must_use]
    pub fn scheme(self, scheme: Scheme) -> Self {
        Self { scheme, ..self }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

/// Lets requests in that prove to know the credentials. One nonce serves the whole life of a farm: replays are nothing
/// that a simulation need fear.
#[derive(Debug)]
pub(crate) struct Gate {
    credentials: Credentials,
    nonce: String,
}

impl Gate {
    pub(crate) fn new(credentials: Credentials, nonce: u64) -> Self {
        Self { credentials, nonce: format!("{nonce:016x}") }
    }

    /// What a request without proof is told. No `qop` is offered, as most cameras do not: every client can do without.
    pub(super) fn challenge(&self) -> String {
        match self.credentials.scheme {
            Scheme::Digest => format!("Digest realm=\"{REALM}\", nonce=\"{}\", algorithm=MD5", self.nonce),
            Scheme::Basic => format!("Basic realm=\"{REALM}\""),
        }
    }

    pub(super) fn admits(&self, request: &Request<Vec<u8>>) -> bool {
        let Some(header) = request.header(&headers::AUTHORIZATION) else { return false };
        let Some((scheme, proof)) = header.as_str().split_once(' ') else { return false };
        match self.credentials.scheme {
            Scheme::Digest if scheme.eq_ignore_ascii_case("digest") => {
                self.digest(request, proof).is_some_and(|(given, expected)| given.eq_ignore_ascii_case(&expected))
            }
            Scheme::Basic if scheme.eq_ignore_ascii_case("basic") => proof.trim() == self.basic(),
            Scheme::Digest | Scheme::Basic => false,
        }
    }

    /// The response that was given and the one that is right; `None` if the proof is not about this user, realm, nonce
    /// and request.
    fn digest(&self, request: &Request<Vec<u8>>, proof: &str) -> Option<(String, String)> {
        let mut given = parameters(proof)?;
        let mut take = |name: &str| given.remove(name);
        let uri = take("uri")?;
        let is_ours =
            take("username")? == self.credentials.user && take("realm")? == REALM && take("nonce")? == self.nonce;
        let is_md5 = take("algorithm").is_none_or(|a| a.eq_ignore_ascii_case("md5"));
        if !is_ours || !is_md5 || Url::parse(&uri).ok().as_ref() != request.request_uri() {
            return None;
        }
        let secret = md5(&format!("{}:{REALM}:{}", self.credentials.user, self.credentials.password));
        let method: &str = request.method().into();
        let what = md5(&format!("{method}:{uri}"));
        let nonce = match take("qop") {
            None => self.nonce.clone(),
            Some(qop) if qop == "auth" => format!("{}:{}:{}:auth", self.nonce, take("nc")?, take("cnonce")?),
            Some(_) => return None,
        };
        Some((take("response")?, md5(&format!("{secret}:{nonce}:{what}"))))
    }

    fn basic(&self) -> String {
        BASE64.encode(format!("{}:{}", self.credentials.user, self.credentials.password))
    }
}

fn md5(text: &str) -> String {
    let number = Md5::digest(text).iter().fold(0u128, |n, byte| (n << 8) | u128::from(*byte));
    format!("{number:032x}")
}

/// The parameters `name=value, name="value"` of a proof (RFC 7235 §2.1), names in lower case. `None` if they are not.
fn parameters(mut text: &str) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    loop {
        text = text.trim_start_matches([' ', '\t', ',']);
        if text.is_empty() {
            return Some(found);
        }
        let (name, rest) = text.split_once('=')?;
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => rest.split_once(',').map_or((rest.trim_end().into(), ""), |(v, rest)| (v.trim_end().into(), rest)),
        };
        found.insert(name.trim().to_ascii_lowercase(), value);
        text = rest;
    }
}

/// A quoted string from behind its opening quote, without its escapes, and what follows its closing quote.
fn unquote(text: &str) -> Option<(String, &str)> {
    let (mut value, mut chars) = (String::new(), text.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rtsp_types::{Method, Version};

    use super::*;

    const URL: &str = "rtsp://127.0.0.1/cam/0";

    fn request(authorization: Option<&str>) -> Request<Vec<u8>> {
        let mut request = Request::builder(Method::Describe, Version::V1_0)
            .request_uri(Url::parse(URL).expect("a URL"))
            .build(Vec::new());
        if let Some(value) = authorization {
            request.insert_header(headers::AUTHORIZATION, value);
        }
        request
    }

    fn gate(scheme: Scheme) -> Gate {
        Gate::new(Credentials::new("Mufasa", "Circle Of Life").scheme(scheme), 1)
    }

    fn proof(user: &str, password: &str, uri: &str, qop: bool) -> String {
        let (a1, a2) = (md5(&format!("{user}:{REALM}:{password}")), md5(&format!("DESCRIBE:{uri}")));
        let nonce = "0000000000000001";
        let start = format!("Digest username=\"{user}\", realm=\"{REALM}\", nonce=\"{nonce}\", uri=\"{uri}\"");
        if qop {
            let response = md5(&format!("{a1}:{nonce}:00000001:abc:auth:{a2}"));
            format!("{start}, qop=auth, nc=00000001, cnonce=\"abc\", response=\"{response}\"")
        } else {
            format!("{start}, response=\"{}\"", md5(&format!("{a1}:{nonce}:{a2}")))
        }
    }

    #[test]
    fn the_hash_is_the_one_of_the_rfc() {
        // RFC 2617 §3.5.
        let a1 = md5("Mufasa:testrealm@host.com:Circle Of Life");
        let a2 = md5("GET:/dir/index.html");
        let response = md5(&format!("{a1}:dcd98b7102dd2f0e8b11d0f600bfb0c093:00000001:0a4f113b:auth:{a2}"));
        assert_eq!(response, "6629fae49393a05397450978507c4ef1");
    }

    #[test]
    fn digest_admits_only_who_knows_the_password_and_means_this_request() {
        let cases = [
            (Some(proof("Mufasa", "Circle Of Life", URL, false)), true),
            (Some(proof("Mufasa", "Circle Of Life", URL, true)), true),
            (Some(proof("Mufasa", "circle of life", URL, false)), false),
            (Some(proof("Scar", "Circle Of Life", URL, false)), false),
            (Some(proof("Mufasa", "Circle Of Life", "rtsp://127.0.0.1/cam/1", false)), false),
            (Some(proof("Mufasa", "Circle Of Life", "not a url", false)), false),
            (Some(proof("Mufasa", "Circle Of Life", URL, false).replace("000001", "000002")), false),
            (Some(proof("Mufasa", "Circle Of Life", URL, true).replace("qop=auth", "qop=auth-int")), false),
            (Some(format!("Basic {}", gate(Scheme::Basic).basic())), false),
            (Some("Digest".into()), false),
            (Some("Digest username=\"".into()), false),
            (None, false),
        ];
        for (authorization, expected) in cases {
            assert_eq!(gate(Scheme::Digest).admits(&request(authorization.as_deref())), expected, "{authorization:?}");
        }
    }

    #[test]
    fn basic_admits_only_the_password() {
        let gate = gate(Scheme::Basic);
        assert!(gate.admits(&request(Some("Basic TXVmYXNhOkNpcmNsZSBPZiBMaWZl"))));
        assert!(!gate.admits(&request(Some("Basic TXVmYXNhOndyb25n"))));
        assert!(!gate.admits(&request(Some(&proof("Mufasa", "Circle Of Life", URL, false)))));
    }

    #[test]
    fn debug_shows_no_secret() {
        let text = format!("{:?}", gate(Scheme::Digest));
        assert!(!text.contains("Mufasa") && !text.contains("Circle"), "{text}");
    }

    #[test]
    fn parameters_are_split_at_commas_outside_of_quotes() {
        let found = parameters(r#"a=1 , B="x, \"y\"",c="""#).expect("parameters");
        let found: Vec<_> = found.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(found, [("a", "1"), ("b", "x, \"y\""), ("c", "")]);
        assert!(parameters("a").is_none() && parameters("a=\"").is_none());
    }

    proptest! {
        #[test]
        fn no_authorization_makes_it_fall_over(text: String) {
            let admitted = gate(Scheme::Digest).admits(&request(Some(&format!("Digest {text}"))));
            prop_assert!(!admitted);
        }
    }
}
