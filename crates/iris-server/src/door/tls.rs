//! TLS: the certificate that was given, or one that Iris makes for itself.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::Tls;
use crate::store::write_whole;

/// HTTP/2, as the two sides of a handshake name it.
pub(super) const H2: &[u8] = b"h2";
/// The files of the certificate that Iris makes, in the store's folder.
const CERTIFICATE: &str = "tls-cert.pem";
const KEY: &str = "tls-key.pem";

/// What connections to an address are encrypted by. Nothing on loopback, unless a certificate is given; beyond it always
/// something: without a certificate one is made at the first start, which browsers have to be told to trust.
///
/// # Errors
/// The certificate or its key cannot be read or do not belong together, or others can read the key.
pub fn acceptor(listen: SocketAddr, given: Option<&Tls>, store: &Path) -> Result<Option<TlsAcceptor>> {
    match given {
        Some(tls) => load(&tls.cert, &tls.key).map(Some),
        None if listen.ip().is_loopback() => Ok(None),
        None => {
            let (cert, key) = (store.join(CERTIFICATE), store.join(KEY));
            if !cert.exists() || !key.exists() {
                make(listen, store)?;
            }
            load(&cert, &key).map(Some)
        }
    }
}

fn load(cert: &Path, key: &Path) -> Result<TlsAcceptor> {
    let cannot = |path: &Path| format!("cannot read {}", path.display());
    let meta = fs::metadata(key).with_context(|| cannot(key))?;
    if meta.permissions().mode() & 0o007 != 0 {
        bail!("{} can be read by everyone; `chmod 600` it", key.display());
    }
    let chain = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect).with_context(|| cannot(cert))?;
    let secret = PrivateKeyDer::from_pem_file(key).with_context(|| cannot(key))?;
    let chain: Vec<CertificateDer<'_>> = chain;
    if let Some(first) = chain.first() {
        tracing::info!(certificate = %cert.display(), sha256 = fingerprint(first), "TLS");
    }
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().context("TLS")?.with_no_client_auth();
    let config = builder.with_single_cert(chain, secret);
    let mut config = config.with_context(|| format!("{} is no certificate of {}", cert.display(), key.display()))?;
    config.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// By what people compare a certificate with the one that their browser shows.
fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let digits = Sha256::digest(certificate).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>();
    digits.join(":")
}

/// Makes a certificate for this machine's name, `localhost` and the address, signed by itself.
fn make(listen: SocketAddr, store: &Path) -> Result<()> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    names.extend(rustix::system::uname().nodename().to_str().ok().map(str::to_owned));
    names.push(super::reachable(listen).ip().to_string());
    let made = rcgen::generate_simple_self_signed(names).context("cannot make a certificate")?;
    write_whole(store, KEY, made.signing_key.serialize_pem().as_bytes())?;
    write_whole(store, CERTIFICATE, made.cert.pem().as_bytes())?;
    Ok(())
}
