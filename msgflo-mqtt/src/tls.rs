//! What is trusted, and with which certificate the client shows itself.

use std::io;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, ClientConfig, RootCertStore};

/// The contents of PEM files.
#[derive(Default)]
pub(crate) struct Files {
    /// Trusted beside the system's authorities.
    pub(crate) authorities: Option<Vec<u8>>,
    pub(crate) certificate: Option<Vec<u8>>,
    pub(crate) key: Option<Vec<u8>>,
}

impl Files {
    pub(crate) fn are_given(&self) -> bool {
        self.authorities.is_some() || self.certificate.is_some() || self.key.is_some()
    }
}

/// An error names the URL's setting that is wrong.
pub(crate) fn configure(files: Files) -> Result<Arc<ClientConfig>, String> {
    let mut trusted = RootCertStore::empty();
    trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = files.authorities {
        for authority in certificates(&pem, "ca_certs")? {
            trusted.add(authority).map_err(|error| format!("`ca_certs`: {error}"))?;
        }
    }
    let identity = match (files.certificate, files.key) {
        (Some(certificate), Some(key)) => {
            let key = PrivateKeyDer::from_pem_slice(&key)
                .map_err(|error| format!("`keyfile` has no private key in PEM: {error}"))?;
            Some((certificates(&certificate, "certfile")?, key))
        }
        (None, None) => None,
        _ => return Err("`certfile` and `keyfile` go together; one is missing".into()),
    };
    // Whatever other crates have chosen for the process.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(trusted);
    let configuration = match identity {
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| format!("`certfile` and `keyfile`: {error}"))?,
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(configuration))
}

fn certificates(pem: &[u8], setting: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("`{setting}` is not PEM: {error}"))?;
    if found.is_empty() { Err(format!("`{setting}` has no certificate in PEM")) } else { Ok(found) }
}

/// What is wrong if one of both does not like the other's certificate: it will not become better.
pub(crate) fn refusal(error: &io::Error) -> Option<String> {
    use AlertDescription::{BadCertificate, CertificateRequired, CertificateUnknown, UnknownCA};
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::InvalidCertificate(_) => {
            Some(format!("TLS: {error}; `ca_certs` in the URL names authorities to trust"))
        }
        rustls::Error::AlertReceived(
            BadCertificate | CertificateRequired | CertificateUnknown | UnknownCA,
        ) => Some(format!(
            "TLS: {error}; `certfile` and `keyfile` in the URL name a certificate and its key that the broker trusts"
        )),
        _ => None,
    }
}
