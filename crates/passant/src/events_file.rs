//! Events from a file into the reports, and from the store to a file: `passant import` and `passant export`, and the latter
//! by API.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use parquet::errors::ParquetError;
use passant_control::{Control, FirstDay, Site};
use passant_ingest::{Destination, EventRecord, Importer, LeftOut};
use passant_store::{ImportTable, Store};
use tokio::sync::mpsc;

use crate::cli::{self, ExportFormat};
use crate::parquet_file::{GROUP_ROWS, ParquetFile};
use crate::{progress, retention};

/// A line longer than this is no event: the longest that we would write is a tenth of it.
const LINE_LIMIT_BYTES: usize = 1 << 20;

/// Bytes of an export that are sent at once.
const CHUNK_BYTES: usize = 256 * 1024;
/// Chunks that wait for who takes them.
pub(crate) const CHUNKS_UNDER_WAY: usize = 4;

/// What an import did.
pub(crate) struct Imported {
    pub(crate) events: u64,
    pub(crate) bad_lines: u64,
    pub(crate) left_out: LeftOut,
    /// The first day that the site keeps, if it does not keep all.
    pub(crate) first_day: Option<FirstDay>,
}

/// Reads a whole file into a site's reports, or nothing of it.
///
/// # Errors
/// The first line that cannot be read, unless such lines are skipped; and what the store says.
pub(crate) async fn import(store: &Store, control: &Control, arguments: &cli::Import) -> Result<Imported> {
    let site = control.site(&arguments.site)?;
    let (input, length) = open(&arguments.file)?;
    let first_day = retention::first_day(&site, Timestamp::now());
    let id = control.begin_import(&site, Timestamp::now())?;
    let table = store.begin_import(id).await?;
    let reading = Reading { table: &table, skip_bad_lines: arguments.skip_bad_lines, length, first_day };
    match reading.run(input, destination(&site, (id, first_day))?).await {
        Ok(imported) => {
            control.finish_import(id, imported.events, Timestamp::now())?;
            Ok(imported)
        }
        Err(error) => {
            table.give_up().await.context("the failed import could not be undone")?;
            control.forget_import(id)?;
            Err(error)
        }
    }
}

/// Where an import of a site goes.
///
/// # Errors
/// When this system's time zone database has lost the site's zone.
pub(crate) fn destination(
    site: &Site,
    (import_id, first_day): (u32, Option<FirstDay>),
) -> Result<Destination> {
    let timezone = TimeZone::get(&site.timezone).with_context(|| format!("time zone of {}", site.domain))?;
    let kept_from = first_day.map(|day| day.starts);
    Ok(Destination { site_id: site.id, import_id, timezone, kept_from })
}

fn open(path: &Path) -> Result<(Box<dyn BufRead>, u64)> {
    if path == Path::new("-") {
        return Ok((Box::new(BufReader::with_capacity(1 << 20, io::stdin())), 0));
    }
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    Ok((Box::new(BufReader::with_capacity(1 << 20, file)), length))
}

struct Reading<'t> {
    table: &'t ImportTable,
    skip_bad_lines: bool,
    length: u64,
    first_day: Option<FirstDay>,
}

impl Reading<'_> {
    async fn run(&self, mut input: Box<dyn BufRead>, destination: Destination) -> Result<Imported> {
        let mut importer = Importer::new(destination).context("no randomness")?;
        let bar = progress::bytes(self.length, "importing");
        let left_out = LeftOut::default();
        let mut imported = Imported { events: 0, bad_lines: 0, left_out, first_day: self.first_day };
        let mut line = Vec::new();
        for number in 1u64.. {
            line.clear();
            let read = (&mut input).take(LINE_LIMIT_BYTES as u64 + 1).read_until(b'\n', &mut line)?;
            if read == 0 {
                break;
            }
            bar.inc(read as u64);
            if read > LINE_LIMIT_BYTES {
                bail!("line {number}: longer than {LINE_LIMIT_BYTES} bytes, expected one event a line");
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            match importer.line(line.trim_ascii()) {
                Ok(Some(batch)) => {
                    imported.events += batch.rows();
                    self.table.insert(&batch).await?;
                }
                Ok(None) => {}
                Err(_) if self.skip_bad_lines => imported.bad_lines += 1,
                Err(error) => bail!("line {number}: {error}"),
            }
        }
        let (last, left_out) = importer.finish();
        imported.events += last.rows();
        imported.left_out = left_out;
        self.table.insert(&last).await?;
        self.table.commit().await?;
        bar.finish_and_clear();
        Ok(imported)
    }
}

/// Writes all events of a site to standard output.
///
/// # Errors
/// What the store says, and a standard output that is closed.
pub(crate) async fn export(store: &Store, site: &Site, format: ExportFormat) -> Result<()> {
    let (chunks, mut written) = mpsc::channel(CHUNKS_UNDER_WAY);
    let days = store.days(site.id).await?;
    let bar = progress::events(days.len() as u64, "exporting days of");
    let shown = bar.clone();
    let read = read_events(store, (site.id, format), chunks);
    // It takes its end along when it fails, so that nobody goes on reading for it.
    let write = async move {
        let mut output = io::stdout().lock();
        while let Some(chunk) = written.recv().await {
            match chunk {
                Chunk::Bytes(bytes) => output.write_all(&bytes)?,
                Chunk::Day => shown.inc(1),
                Chunk::End => {}
            }
        }
        output.flush()
    };
    let (read, write) = tokio::join!(read, write);
    write?;
    read?;
    bar.finish_and_clear();
    Ok(())
}

/// A piece of an export.
pub(crate) enum Chunk {
    /// The next bytes of the file.
    Bytes(Bytes),
    /// All events of a day have been read.
    Day,
    /// All of the file has been sent: without this, some is missing.
    End,
}

/// Sends all events of a site as a file, in an order that gives the same visits when they are read again. Ends early where
/// nobody takes them any more.
///
/// # Errors
/// What the store says.
pub(crate) async fn read_events(
    store: &Store,
    (site_id, format): (u32, ExportFormat),
    chunks: mpsc::Sender<Chunk>,
) -> Result<()> {
    match format {
        ExportFormat::Events => read_lines(store, site_id, chunks).await,
        ExportFormat::Parquet => read_parquet(store, site_id, chunks).await,
    }
}

async fn read_parquet(store: &Store, site_id: u32, chunks: mpsc::Sender<Chunk>) -> Result<()> {
    // One group is read while the one before is written: the rows wait here, and no more of them are asked for.
    let (groups, taken) = mpsc::channel(1);
    let writing = tokio::task::spawn_blocking(move || write_parquet(taken, chunks));
    // It takes its end along, which ends the writer.
    let read = async move {
        let keys = ExportKeys::new(store.midnight_visitors(site_id).await?)?;
        let mut group = Vec::with_capacity(GROUP_ROWS);
        for day in store.days(site_id).await? {
            let mut rows = store.events_of_day(site_id, day)?;
            while let Some(event) = rows.next().await? {
                let visitor = keys.of(event.visitor_id);
                group.push(EventRecord::of_stored(event, visitor));
                if group.len() == GROUP_ROWS
                    && groups.send(Rows::Group(std::mem::take(&mut group))).await.is_err()
                {
                    return Ok(());
                }
            }
            if groups.send(Rows::Day).await.is_err() {
                return Ok(());
            }
        }
        let _ = groups.send(Rows::Last(group)).await;
        anyhow::Ok(())
    };
    read.await?;
    writing.await.context("the writer of the file ended early")?
}

/// What is read of the events for a file of groups.
enum Rows {
    Group(Vec<EventRecord>),
    Day,
    /// All have been read: without this, some are missing.
    Last(Vec<EventRecord>),
}

fn write_parquet(mut rows: mpsc::Receiver<Rows>, chunks: mpsc::Sender<Chunk>) -> Result<()> {
    let output = BufWriter::with_capacity(CHUNK_BYTES, Sending(chunks.clone()));
    let mut file = match ParquetFile::begin(output) {
        Ok(file) => file,
        Err(error) => return gone_or(error),
    };
    while let Some(read) = rows.blocking_recv() {
        let done = match read {
            Rows::Group(events) => file.group(&events),
            Rows::Day => {
                let _ = chunks.blocking_send(Chunk::Day);
                Ok(())
            }
            Rows::Last(events) => {
                let last = if events.is_empty() { Ok(()) } else { file.group(&events) };
                let done = last.and_then(|()| file.end());
                if done.is_ok() {
                    // Nobody left to be told is nobody who misses it.
                    let _ = chunks.blocking_send(Chunk::End);
                }
                return done.or_else(gone_or);
            }
        };
        if let Err(error) = done {
            return gone_or(error);
        }
    }
    // The reader says why.
    Ok(())
}

/// Nobody takes the file any more, which is no failure; or what else went wrong.
fn gone_or(error: ParquetError) -> Result<()> {
    match &error {
        ParquetError::External(source)
            if source
                .downcast_ref::<io::Error>()
                .is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe) =>
        {
            Ok(())
        }
        _ => Err(error.into()),
    }
}

/// Sends what is written, no faster than it is taken.
struct Sending(mpsc::Sender<Chunk>);

impl Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let chunk = Chunk::Bytes(Bytes::copy_from_slice(bytes));
        self.0.blocking_send(chunk).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn read_lines(store: &Store, site_id: u32, chunks: mpsc::Sender<Chunk>) -> Result<()> {
    let keys = ExportKeys::new(store.midnight_visitors(site_id).await?)?;
    for day in store.days(site_id).await? {
        let mut rows = store.events_of_day(site_id, day)?;
        let mut lines = Vec::new();
        while let Some(event) = rows.next().await? {
            let visitor = keys.of(event.visitor_id);
            serde_json::to_writer(&mut lines, &EventRecord::of_stored(event, visitor))?;
            lines.push(b'\n');
            if lines.len() >= CHUNK_BYTES
                && chunks.send(Chunk::Bytes(std::mem::take(&mut lines).into())).await.is_err()
            {
                return Ok(());
            }
        }
        if chunks.send(Chunk::Bytes(lines.into())).await.is_err() || chunks.send(Chunk::Day).await.is_err() {
            return Ok(());
        }
    }
    // Nobody left to be told is nobody who misses it.
    let _ = chunks.send(Chunk::End).await;
    Ok(())
}

/// The visitor keys of one export: fresh, so that no two exports can be joined.
struct ExportKeys {
    key: [u8; 32],
    /// Pseudonyms that one visit carried across a midnight lead to one of them, or the visit would fall apart when the
    /// export is read again.
    joined: HashMap<u64, u64>,
}

impl ExportKeys {
    fn new(midnight_visitors: Vec<Vec<u64>>) -> Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        let mut joined = HashMap::new();
        for visitors in midnight_visitors {
            let Some((first, rest)) = visitors.split_first() else { continue };
            let root = root(&joined, *first);
            for visitor in rest {
                let other = self::root(&joined, *visitor);
                if other != root {
                    joined.insert(other, root);
                }
            }
        }
        Ok(Self { key, joined })
    }

    fn of(&self, visitor_id: u64) -> String {
        let hash = blake3::keyed_hash(&self.key, &root(&self.joined, visitor_id).to_le_bytes());
        hash.to_hex()[..16].to_owned()
    }
}

fn root(joined: &HashMap<u64, u64>, mut visitor: u64) -> u64 {
    while let Some(next) = joined.get(&visitor) {
        visitor = *next;
    }
    visitor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonyms_of_one_person_across_midnights_get_one_key() {
        let keys = ExportKeys::new(vec![vec![1, 2], vec![3, 2], vec![7, 8]]).expect("random");
        assert_eq!(keys.of(1), keys.of(3));
        assert_ne!(keys.of(1), keys.of(7));
        assert_ne!(keys.of(1), ExportKeys::new(vec![]).expect("random").of(1));
    }
}
