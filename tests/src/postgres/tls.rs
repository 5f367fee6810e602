//! What a PostgreSQL server needs to be reached over TCP with TLS alone: an address, a certificate, and an authority that
//! signed it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::free_address;

/// The name that the certificate holds.
pub const HOST: &str = "db.test";

const AUTHORITY: &str = "authority.pem";
const CERTIFICATE: &str = "server.pem";
const KEY: &str = "server.key";
/// What the two certificates may be used for; the server's is followed by its name.
const EXTENSIONS: &str = "[req]\ndistinguished_name=name\n[name]\n[authority]\nbasicConstraints=critical,CA:TRUE\n\
                          [server]\nbasicConstraints=CA:FALSE\nsubjectAltName=DNS:";

/// Made for one server.
pub(super) struct Tls {
    directory: PathBuf,
    address: SocketAddr,
}

impl Tls {
    /// Makes certificates in a directory. OpenSSL is there where Debian's PostgreSQL is.
    pub(super) fn new(directory: &Path) -> Self {
        std::fs::write(directory.join("extensions"), format!("{EXTENSIONS}{HOST}\n")).expect("written");
        let signed = ["-CA", AUTHORITY, "-CAkey", "authority.key"];
        for (extensions, key, certificate, signer) in
            [("authority", "authority.key", AUTHORITY, &[][..]), ("server", KEY, CERTIFICATE, &signed[..])]
        {
            let made = Command::new("openssl")
                .current_dir(directory)
                .args(["req", "-x509", "-config", "extensions", "-extensions", extensions, "-days", "2"])
                .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
                .args(["-subj", &format!("/CN={extensions}"), "-keyout", key, "-out", certificate])
                .args(signer)
                .output()
                .expect("openssl runs");
            assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
        }
        Self { directory: directory.to_owned(), address: free_address() }
    }

    /// The files that the server has to own.
    pub(super) fn files(&self) -> [PathBuf; 2] {
        [self.directory.join(CERTIFICATE), self.directory.join(KEY)]
    }

    /// Settings of the server.
    pub(super) fn settings(&self) -> Vec<String> {
        let [certificate, key] = self.files();
        vec![
            format!("listen_addresses={}", self.address.ip()),
            format!("port={}", self.port()),
            "ssl=on".into(),
            format!("ssl_cert_file={}", certificate.display()),
            format!("ssl_key_file={}", key.display()),
        ]
    }

    /// Where it is reached, of a URL.
    pub(super) fn place(&self, host: &str) -> (String, String) {
        (format!("{host}:{}", self.port()), format!("hostaddr={}", self.address.ip()))
    }

    /// The port, which names its socket, too.
    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The authority's certificate.
    pub(super) fn authority(&self) -> PathBuf {
        self.directory.join(AUTHORITY)
    }
}
