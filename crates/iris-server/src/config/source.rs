//! Secrets and addresses: where a secret is read from, which addresses a camera may have, and who may read the file.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use url::Url;

use super::raw::{RawElsewhere, RawSecret};
use super::{Config, Secret, Target};

/// The longest secret or address, in bytes.
const MAX_SECRET: usize = 2048;

/// The text of a secret. The error names the place it should have come from, and never the text.
pub(super) fn secret(raw: RawSecret, base: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Secret, String> {
    let found = match raw {
        RawSecret::Text(text) => text,
        RawSecret::Elsewhere(RawElsewhere { env: Some(name), .. }) => {
            let text = env(&name).ok_or_else(|| format!("the environment variable {name:?} is not set"))?;
            Secret::new(text)
        }
        RawSecret::Elsewhere(RawElsewhere { file: Some(file), .. }) => Secret::new(read_secret(&base.join(&file))?),
        RawSecret::Elsewhere(_) => return Err("needs `env` or `file`".into()),
    };
    match found.expose() {
        "" => Err("is empty".into()),
        text if text.len() > MAX_SECRET => Err(format!("is longer than {MAX_SECRET} bytes")),
        text if text.chars().any(char::is_control) => Err("contains a control character".into()),
        _ => Ok(found),
    }
}

fn read_secret(path: &Path) -> Result<String, String> {
    let say = |error: io::Error| format!("the file {} cannot be read: {error}", path.display());
    let meta = std::fs::metadata(path).map_err(say)?;
    if open_to_others(&meta) {
        return Err(format!("the file {} can be read by everyone; `chmod 600` it", path.display()));
    }
    let bytes = read_limited(path, MAX_SECRET * 2).map_err(say)?;
    let text = String::from_utf8(bytes).map_err(|_| format!("the file {} is not text", path.display()))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn open_to_others(meta: &Metadata) -> bool {
    meta.permissions().mode() & 0o007 != 0
}

/// A regular file's bytes, if they are no more than `limit`.
pub(super) fn read_limited(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(io::Error::other(format!("it has more than {limit} bytes")));
    }
    Ok(bytes)
}

/// What to say if the configuration file itself holds a password and everyone may read it.
pub(super) fn exposed_secret(config: &Config, path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let secrets = config.cameras.iter().filter(|c| has_password(&c.url)).map(|c| &c.url);
    let keys = config.sinks.iter().filter_map(|sink| match &sink.target {
        Target::Webhook { secret, .. } => Some(secret),
        Target::File { .. } => None,
    });
    let inline = secrets.chain(keys).any(|secret| text.contains(secret.expose()));
    let exposed = inline && open_to_others(&std::fs::metadata(path).ok()?);
    exposed.then(|| "holds a password and can be read by everyone; `chmod 600` it, or use { env } or { file }".into())
}

fn has_password(url: &Secret) -> bool {
    Url::parse(url.expose()).is_ok_and(|url| url.password().is_some())
}

/// A camera's address, or the path of a video file, then relative to `base`.
pub(super) fn camera_url(text: &Secret, base: &Path) -> Result<Secret, String> {
    let text = text.expose();
    if text.trim() != text {
        return Err("starts or ends with a space".into());
    }
    match scheme(text) {
        Some(_) => address(text, &["rtsp", "rtsps", "http", "https"]).map(Secret::new),
        None => match base.join(text).to_str() {
            Some(path) => Ok(Secret::new(path)),
            None => Err("the folder of the configuration has a name that is not text".into()),
        },
    }
}

/// A webhook's address.
pub(super) fn webhook_url(text: &Secret) -> Result<Secret, String> {
    let url = address(text.expose(), &["http", "https"])?;
    if has_password(text) || Url::parse(url).is_ok_and(|url| !url.username().is_empty()) {
        return Err("must not hold a user name or password; requests are signed with `secret`".into());
    }
    Ok(Secret::new(url))
}

/// The address of another server that runs models.
pub(super) fn server_url(text: &str) -> Result<String, String> {
    let url = address(text, &["http", "https", "grpc", "grpcs"])?;
    if Url::parse(url).is_ok_and(|url| !url.username().is_empty() || url.password().is_some()) {
        return Err("must not hold a user name or password; what the server wants to see is the `token`".into());
    }
    Ok(url.to_owned())
}

/// What stands before the first ':' if that is before any '/'. `FFmpeg` takes it for a protocol, whatever it is.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    (!scheme.contains('/')).then_some(scheme)
}

fn address<'t>(text: &'t str, schemes: &[&str]) -> Result<&'t str, String> {
    let listed = schemes.iter().map(|s| format!("{s}://")).collect::<Vec<_>>().join(", ");
    let scheme = scheme(text).unwrap_or_default();
    if !schemes.contains(&scheme) || !text[scheme.len()..].starts_with("://") {
        return Err(format!("must start with one of {listed}"));
    }
    // `Url` would take the path of http:///path for the host.
    let no_host = text[scheme.len()..].starts_with(":///");
    match Url::parse(text) {
        Ok(url) if no_host || url.host_str().is_none_or(str::is_empty) => Err("names no host".into()),
        Ok(_) => Ok(text),
        Err(error) => Err(format!(
            "is not an address: {error}; '@', ':', '/' and '%' in a password are written as %40, %3A, %2F and %25"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_schemes_and_plain_files_are_taken() {
        let base = Path::new("/etc/iris");
        let take = |text: &str| camera_url(&Secret::new(text), base).map(|url| url.expose().to_owned());
        assert_eq!(take("rtsp://u:p%40@10.0.0.1/live").as_deref(), Ok("rtsp://u:p%40@10.0.0.1/live"));
        assert_eq!(take("clips/a.mp4").as_deref(), Ok("/etc/iris/clips/a.mp4"));
        assert_eq!(take("/srv/a.mp4").as_deref(), Ok("/srv/a.mp4"));
        for bad in [
            "file:///etc/passwd",
            " file:x",
            "FILE://x",
            "%66ile:x",
            "concat:/etc/passwd|x",
            "subfile:,,:x",
            "data:x",
            "pipe:0",
            "crypto:x",
            "cache:http://x",
            "lavfi:movie=x",
            "gopher://x",
            "ftp://x",
            "exec:ls",
            "ffmpeg:x#raw",
            "unix:/run/x",
            "rtsp:x",
            "rtsp://",
            "http:///x",
            "rtsp://[::1",
            "RTSP://x",
            "rtsp://u:p@ss:w@[h/",
        ] {
            assert!(take(bad).is_err(), "{bad:?} was taken");
        }
    }
}
