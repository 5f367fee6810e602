//! A bare engine for development: `engine --socket PATH --data DIR --library PATH`.

use std::{error::Error, path::PathBuf};

use passant_engine::{Config, Lifetime, Password, Run, TcpConfig};

fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let mut config = Config::default();
    let (mut socket, mut data, mut library) = (None, None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--socket" => socket = Some(PathBuf::from(value)),
            "--data" => data = Some(PathBuf::from(value)),
            "--library" => library = Some(PathBuf::from(value)),
            "--tcp-password" => {
                config.tcp = Some(TcpConfig { password: Password::new(value), ..TcpConfig::default() });
            }
            other => {
                return Err(
                    format!("{other} is no option: --socket, --data, --library, --tcp-password").into()
                );
            }
        }
    }
    let run = Run {
        config,
        socket: socket.ok_or("--socket is missing")?,
        data: data.ok_or("--data is missing")?,
        library: library.ok_or("--library is missing")?,
        lifetime: Lifetime::UntilStopped,
    };
    Ok(passant_engine::run(run)?)
}
