//! A certificate authority, and certificates from it for a server on this machine and a client.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

pub(crate) struct Certificates {
    pub(crate) ca: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) client_certificate: PathBuf,
    pub(crate) client_key: PathBuf,
}

impl Certificates {
    /// Writes `ca.pem`, `server.pem`, `server.key`, `client.pem` and `client.key` into the folder.
    pub(crate) fn write_into(folder: &Path) -> io::Result<Self> {
        let write = |name, text| {
            let path = folder.join(name);
            fs::write(&path, text).map(|()| path)
        };
        let (ca, issuer) = authority().map_err(io::Error::other)?;
        let (certificate, key) = issue(&issuer, "localhost").map_err(io::Error::other)?;
        let (client_certificate, client_key) =
            issue(&issuer, "client").map_err(io::Error::other)?;
        Ok(Self {
            ca: write("ca.pem", ca)?,
            certificate: write("server.pem", certificate)?,
            key: write("server.key", key)?,
            client_certificate: write("client.pem", client_certificate)?,
            client_key: write("client.key", client_key)?,
        })
    }
}

type Authority = Issuer<'static, KeyPair>;

fn authority() -> Result<(String, Authority), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Test CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok((params.self_signed(&key)?.pem(), Issuer::new(params, key)))
}

/// A certificate and its key.
fn issue(authority: &Authority, name: &str) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new([name.into(), "127.0.0.1".into()])?;
    params.distinguished_name.push(DnType::CommonName, name);
    let certificate = params.signed_by(&key, authority)?;
    Ok((certificate.pem(), key.serialize_pem()))
}
