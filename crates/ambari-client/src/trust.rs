//! Whose certificates are believed: the system's CAs, and those of a file that the user names. There is no switch that
//! believes everybody; a test has a CA of its own, and so can everyone else.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error, RootCertStore};

use crate::AmbariError;

/// Longest file of certificates that is read: the system's own has a quarter of that.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Puts together how TLS is spoken: 1.2 or 1.3, HTTP/1.1 inside, the name in the certificate checked.
///
/// # Errors
/// A file that holds no certificate; nobody to believe at all.
pub(crate) fn connector(ca_file: Option<&Path>) -> Result<TlsConnector, AmbariError> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    if let Some(file) = ca_file {
        add_file(&mut roots, file)?;
    }
    if roots.is_empty() {
        let reasons: Vec<_> = native.errors.iter().map(ToString::to_string).collect();
        return Err(AmbariError::NoRoots {
            reason: if reasons.is_empty() {
                "none was found".to_owned()
            } else {
                reasons.join("; ")
            },
        });
    }
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("invariant: ring has suites for TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

fn add_file(roots: &mut RootCertStore, file: &Path) -> Result<(), AmbariError> {
    let unusable = |reason: String| AmbariError::CaFile {
        file: file.to_owned(),
        reason,
    };
    let bytes = read(file).map_err(|error| unusable(error.to_string()))?;
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| unusable(error.to_string()))?;
        found += 1;
    }
    if found == 0 {
        return Err(unusable("it has no certificate in it".to_owned()));
    }
    Ok(())
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What a failed handshake means to whoever reads it, and what to do.
pub(crate) fn explain(error: &io::Error) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let Some(tls) = tls else {
        let ended = error.kind() == io::ErrorKind::UnexpectedEof;
        return if ended {
            "the server ended the connection: is this a TLS port?".to_owned()
        } else {
            error.to_string()
        };
    };
    let advice = if let Error::InvalidCertificate(certificate) = tls {
        for_certificate(certificate)
    } else if let Error::InvalidMessage(_) = tls {
        "this port does not speak TLS: check the URL's port"
    } else {
        "check the URL"
    };
    format!("{tls}: {advice}")
}

fn for_certificate(error: &CertificateError) -> &'static str {
    if matches!(error, CertificateError::UnknownIssuer) {
        "no CA that this host believes has signed the server's certificate: if it is the CA of your own house, name its \
         file (--ca-file FILE, or ca_file in the TOML file)"
    } else if matches!(
        error,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
    ) {
        "the server's certificate is that of another host: use the name that it was made for"
    } else if matches!(
        error,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    ) {
        "the server's certificate is out of date, or this host's clock is"
    } else {
        "the server's certificate cannot be used: tell whoever runs the server"
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_without_a_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let reason = |content: &str| {
            fs::write(&file, content).unwrap();
            connector(Some(&file)).err().map(|error| error.to_string())
        };
        let none = reason("hello").expect("there is none");
        assert!(
            none.contains("it has no certificate in it") && none.contains("ca.pem"),
            "{none}"
        );
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(reason(broken).is_some());
        let missing = connector(Some(&folder.path().join("other"))).err();
        assert!(missing.is_some_and(|error| error.to_string().contains("No such file")));
    }

    #[test]
    fn handshakes_that_failed() {
        let invalid = |certificate| {
            let error = Error::InvalidCertificate(certificate);
            explain(&io::Error::new(io::ErrorKind::InvalidData, error))
        };
        assert!(invalid(CertificateError::UnknownIssuer).contains("--ca-file"));
        assert!(invalid(CertificateError::NotValidForName).contains("another host"));
        assert!(invalid(CertificateError::Expired).contains("out of date"));
        assert!(invalid(CertificateError::BadSignature).contains("cannot be used"));
        let ended = explain(&io::Error::from(io::ErrorKind::UnexpectedEof));
        assert!(ended.contains("is this a TLS port"));
    }
}
