//! Fetching a file by HTTP: bounded, gone on with where it was broken off, and not believed before its hash is right.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use ureq::Agent;
use ureq::http::{HeaderMap, Response, StatusCode, header};
use url::Url;

/// How long a connection, an answer and each piece of it may take.
const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(30);
const REDIRECTS: u32 = 5;
/// How often a file is gone on with after a broken connection, if each brought something.
const RESUMPTIONS: usize = 10;

/// A file somewhere else.
pub(crate) struct Remote<'a> {
    pub(crate) url: &'a str,
    /// What its SHA-256 must be, in lower-case hexadecimal, if that is known.
    pub(crate) sha256: Option<&'a str>,
    /// The most bytes that it may have.
    pub(crate) most: u64,
}

/// Fetches a file into `path` and returns its SHA-256. What is there already is gone on with, if the hash of the whole is
/// known; `seen` is told how many bytes are there and how many there will be.
///
/// # Errors
/// It cannot be had, and what came of it is kept for the next time; or it is too large or not the one that it should be, and
/// nothing is kept.
pub(crate) fn fetch(remote: &Remote<'_>, path: &Path, seen: &mut dyn FnMut(u64, Option<u64>)) -> Result<String> {
    check(remote)?;
    let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let mut file = options.with_context(|| format!("cannot write {}", path.display()))?;
    if file.try_lock().is_err() {
        bail!("{} is being fetched already", path.display());
    }
    let fetched = whole(remote, &mut file, seen);
    let is_empty = file.metadata().is_ok_and(|file| file.len() == 0);
    if fetched.as_ref().is_err_and(|error| is_empty || matches!(error.downcast_ref(), Some(Trouble::Wrong(_)))) {
        std::fs::remove_file(path).ok();
    }
    fetched.with_context(|| remote.url.to_owned())
}

fn whole(remote: &Remote<'_>, file: &mut File, seen: &mut dyn FnMut(u64, Option<u64>)) -> Result<String> {
    let mut is_left_over = file.metadata()?.len() > 0;
    let mut transfer = Transfer { remote, agent: agent(remote), file, etag: None };
    loop {
        transfer.run(seen)?;
        transfer.file.sync_all()?;
        let found = sha256(transfer.file)?;
        match remote.sha256 {
            // What an earlier try left may have been of another file.
            Some(expected) if expected != found && is_left_over => transfer.file.set_len(0)?,
            Some(expected) if expected != found => {
                bail!(Trouble::Wrong(format!("its SHA-256 should be {expected}, but is {found}")));
            }
            _ => return Ok(found),
        }
        is_left_over = false;
    }
}

/// What decides whether a transfer goes on, and whether what came is worth keeping.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the connection was broken off: {0}")]
    Broken(io::Error),
    #[error("{0}")]
    Wrong(String),
}

fn check(remote: &Remote<'_>) -> Result<()> {
    let url = Url::parse(remote.url).with_context(|| format!("the address {:?}", remote.url))?;
    match url.scheme() {
        "https" => Ok(()),
        "http" if remote.sha256.is_some() => Ok(()),
        "http" => bail!("{url}: without TLS only a file whose SHA-256 is known is fetched"),
        _ => bail!("{url}: only http and https are fetched"),
    }
}

fn agent(remote: &Remote<'_>) -> Agent {
    let config = Agent::config_builder()
        .https_only(remote.sha256.is_none())
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(ANSWER))
        .timeout_per_read(Some(ANSWER))
        .max_redirects(REDIRECTS)
        .http_status_as_error(false)
        .max_response_header_size(64 << 10)
        .user_agent(concat!("iris/", env!("CARGO_PKG_VERSION")));
    config.build().new_agent()
}

struct Transfer<'a> {
    remote: &'a Remote<'a>,
    agent: Agent,
    file: &'a mut File,
    /// Which state of the file the bytes are of, as the server calls it.
    etag: Option<String>,
}

impl Transfer<'_> {
    fn run(&mut self, seen: &mut dyn FnMut(u64, Option<u64>)) -> Result<()> {
        // Whose bytes are there can only be told by the hash of the whole.
        if self.remote.sha256.is_none() {
            self.file.set_len(0)?;
        }
        for _ in 0..RESUMPTIONS {
            let before = self.file.seek(SeekFrom::End(0))?;
            match self.once(before, seen) {
                Err(error) if is_broken(&error) && self.file.stream_position()? > before => {
                    tracing::warn!("{error}; going on");
                }
                done => return done,
            }
        }
        bail!(Trouble::Broken(io::Error::other(format!("{RESUMPTIONS} times"))))
    }

    /// One request for all bytes from `from` on.
    fn once(&mut self, from: u64, seen: &mut dyn FnMut(u64, Option<u64>)) -> Result<()> {
        let mut request = self.agent.get(self.remote.url);
        if from > 0 {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        if let Some(etag) = self.etag.as_ref().filter(|_| from > 0) {
            request = request.header(header::IF_RANGE, etag);
        }
        let reply = request.call().map_err(|error| match error {
            ureq::Error::Io(error) => anyhow::Error::from(Trouble::Broken(error)),
            error => error.into(),
        })?;
        let at = match reply.status() {
            StatusCode::OK => 0,
            StatusCode::PARTIAL_CONTENT if begins_at(reply.headers(), from) => from,
            StatusCode::PARTIAL_CONTENT => bail!("the server sent another part than was asked for"),
            // Nothing is left to send: the hash tells whether what is there is the file.
            StatusCode::RANGE_NOT_SATISFIABLE if from > 0 => return Ok(()),
            status => bail!("the server answers {status}"),
        };
        self.etag = strong_etag(reply.headers());
        self.file.set_len(at)?;
        self.file.seek(SeekFrom::Start(at))?;
        self.copy(reply, at, seen)
    }

    fn copy(&mut self, reply: Response<ureq::Body>, at: u64, seen: &mut dyn FnMut(u64, Option<u64>)) -> Result<()> {
        let most = self.remote.most;
        let total = reply.body().content_length().map(|length| at.saturating_add(length));
        let too_large = |size: u64| Trouble::Wrong(format!("it has {size} bytes or more, and {most} are the most"));
        if let Some(total) = total.filter(|total| *total > most) {
            bail!(too_large(total));
        }
        let mut body = reply.into_body().into_reader();
        let (mut part, mut there) = (vec![0; 64 << 10], at);
        loop {
            let n = body.read(&mut part).map_err(Trouble::Broken)?;
            if n == 0 {
                break;
            }
            there += n as u64;
            if there > most {
                bail!(too_large(there));
            }
            self.file.write_all(&part[..n]).context("cannot write what was fetched")?;
            seen(there, total);
        }
        match total {
            Some(total) if there < total => bail!(Trouble::Broken(io::ErrorKind::UnexpectedEof.into())),
            _ => Ok(()),
        }
    }
}

fn is_broken(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Trouble::Broken(_)))
}

/// Whether a part of a file begins at this byte.
fn begins_at(headers: &HeaderMap, from: u64) -> bool {
    let range = headers.get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {from}-")))
}

/// The name of a state of a file, if it stands for its bytes and not only for what they mean (RFC 9110, 8.8.1).
fn strong_etag(headers: &HeaderMap) -> Option<String> {
    let etag = headers.get(header::ETAG)?.to_str().ok()?;
    etag.starts_with('"').then(|| etag.to_owned())
}

/// The SHA-256 of a file, in lower-case hexadecimal.
fn sha256(file: &mut File) -> io::Result<String> {
    file.rewind()?;
    let mut hash = Sha256::new();
    let mut part = vec![0; 1 << 20];
    loop {
        match file.read(&mut part)? {
            0 => break,
            n => hash.update(&part[..n]),
        }
    }
    let digits = hash.finalize().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    Ok(digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect())
}
