//! A CA that lives as long as the server it signs for.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use super::base64::base64;

/// What the server shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// One for `localhost`, signed by the CA.
    Good,
    /// One for another host, signed by the CA.
    OtherName,
    /// One for `localhost` that ended in 2020.
    Expired,
    /// None: plain HTTP, as behind a tunnel.
    None,
}

/// Makes the CA and a certificate, writes the CA's to `ca_file`, and speaks TLS with the other.
pub(super) fn acceptor(certificate: Certificate, ca_file: &Path) -> Result<Option<TlsAcceptor>> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let der = base64(ca.self_signed(&ca_key)?.der());
    let pem = format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n");
    std::fs::write(ca_file, pem)?;
    let name = match certificate {
        Certificate::None => return Ok(None),
        Certificate::OtherName => "other.example",
        Certificate::Good | Certificate::Expired => "localhost",
    };
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    if certificate == Certificate::Expired {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
    }
    let signed = params.signed_by(&key, &Issuer::new(ca, ca_key))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![signed.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )?;
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}
