//! Writes the spools of `tests/fixtures/spool` that follow from this version's format; see the README there.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use bytes::Bytes;
use passant_ingest::{Event, Origin, PAGEVIEW, Revenue, SCROLL_DEPTH_MISSING, encode};
use passant_spool::{Config, FORMAT_VERSION, Foundation, Spool};

/// 2026-11-01T10:00:00Z, on which the fixtures' visits begin.
const BEGIN: u32 = 1_793_527_200;
/// A record version that no release will reach.
const NEWER_RECORD: u8 = 250;
/// Of a segment's header: magic, version, checksum of both. The layout of these is the same in every version.
const VERSION_AT: std::ops::Range<usize> = 8..12;
const CHECKSUM_AT: std::ops::Range<usize> = 12..16;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).context("which folder?")?;
    let current = format!("segment-{FORMAT_VERSION}-record-{}", passant_ingest::FORMAT_VERSION);
    let records: Vec<Bytes> = events().iter().map(encode).collect();
    let (name, content) = spool(&folder.join(&current), &records).await?;

    let (stem, _) = name.rsplit_once('-').context("a sealed name ends in the number of its frames")?;
    put(&folder.join(format!("{current}-left-open")), &format!("{stem}.open"), &content)?;

    let mut newer = content;
    newer[VERSION_AT].copy_from_slice(&(FORMAT_VERSION + 1).to_le_bytes());
    let checksum = crc32c::crc32c(&newer[..VERSION_AT.end]);
    newer[CHECKSUM_AT].copy_from_slice(&checksum.to_le_bytes());
    put(&folder.join("newer-segment"), &name, &newer)?;

    let newer: Vec<Bytes> =
        records.iter().map(|record| [&[NEWER_RECORD], &record[1..]].concat().into()).collect();
    spool(&folder.join("newer-record"), &newer).await?;
    Ok(())
}

/// Writes a spool of one sealed segment; its name and content.
async fn spool(folder: &Path, payloads: &[Bytes]) -> Result<(String, Vec<u8>)> {
    let (spool, segments) = Spool::open(folder, Config::default(), Foundation::default())?;
    spool.append_all(payloads.to_vec()).await?;
    spool.close().await;
    drop(segments);
    // The lock is this process's, not the fixture's.
    fs::remove_file(folder.join("LOCK"))?;
    let file = fs::read_dir(folder)?.next().context("a segment")??;
    Ok((file.file_name().to_string_lossy().into_owned(), fs::read(file.path())?))
}

fn put(folder: &Path, name: &str, content: &[u8]) -> Result<()> {
    fs::create_dir_all(folder)?;
    Ok(fs::write(folder.join(name), content)?)
}

/// Two visitors of the first site, three pages and an event with everything that an event can have.
fn events() -> Vec<Event> {
    let page = |visitor_id: u64, seconds: u32, pathname: &str| Event {
        site_id: 1,
        timestamp: BEGIN + seconds,
        visitor_id,
        name: PAGEVIEW.into(),
        hostname: "example.com".into(),
        pathname: pathname.into(),
        origin: Origin { browser: "Firefox".into(), country: "DE".into(), ..Origin::default() },
        interactive: true,
        scroll_depth: SCROLL_DEPTH_MISSING,
        ..Event::default()
    };
    let order = Event {
        name: "Order".into(),
        previous_visitor_id: Some(3),
        props: vec![("plan".into(), "größer".into())],
        revenue: Some(Revenue { thousandths: 12_500, currency: "EUR".into() }),
        ..page(7, 90, "/order")
    };
    vec![page(7, 0, "/"), page(7, 60, "/order"), page(u64::MAX, 75, "/"), order]
}
