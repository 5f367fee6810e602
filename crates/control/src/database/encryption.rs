//! TLS to a PostgreSQL server, for whose URL asks for it.
//!
//! Invariant: what is encrypted goes to a server whose certificate is signed by an authority that we trust and holds the
//! name of the URL. `require` asks for that, too: a stranger's encryption protects from nobody who can stand between.

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio_postgres_rustls_improved::MakeRustlsConnect;

/// Who says which server is which.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Authorities {
    /// Those that this system trusts.
    System,
    /// Those in a file of PEM.
    File(PathBuf),
}

impl Authorities {
    /// What encrypts a connection.
    ///
    /// # Errors
    /// In words, when there is none of them.
    pub(super) fn connector(&self) -> Result<MakeRustlsConnect, String> {
        let provider = rustls::crypto::ring::default_provider();
        let config = ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(self.roots()?)
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }

    fn roots(&self) -> Result<RootCertStore, String> {
        let certificates = match self {
            Self::System => rustls_native_certs::load_native_certs().certs,
            Self::File(path) => of_file(path)?,
        };
        let mut roots = RootCertStore::empty();
        let (taken, _) = roots.add_parsable_certificates(certificates);
        match self {
            _ if taken > 0 => Ok(roots),
            Self::System => {
                Err("no certificate authorities (Debian: apt-get install ca-certificates)".into())
            }
            Self::File(path) => Err(format!("sslrootcert: no certificate in {}", path.display())),
        }
    }
}

fn of_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unread = |error| format!("sslrootcert: {} cannot be read: {error}", path.display());
    CertificateDer::pem_file_iter(path).map_err(unread)?.collect::<Result<_, _>>().map_err(unread)
}

/// What whoever runs the server can do about a certificate that we do not take.
pub(super) fn advice(cause: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let inner = cause.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref::<rustls::Error>()?;
    match inner {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            Some("sslrootcert=FILE names the authority that signed it")
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Some("the URL has to name the server as its certificate does"),
        _ => None,
    }
}
