//! What a figure was measured on: processor, memory, and what a sync of the disk in question costs.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;

/// Appends of 4 KiB, each synced.
const SYNCS: usize = 300;

/// Prints the machine.
///
/// # Errors
/// When the disk cannot be written.
#[expect(clippy::print_stdout, reason = "a benchmark prints what it was measured on")]
pub(crate) fn show(directory: &Path) -> Result<()> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("", |(_, name)| name.trim());
    let memory = std::fs::read_to_string("/proc/meminfo")?;
    let kibibytes: f64 = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok())
        .unwrap_or(0.0);
    let cores = std::thread::available_parallelism()?;
    let load = std::fs::read_to_string("/proc/loadavg")?;
    let [p50, p95] = sync_milliseconds(directory)?;
    println!(
        "machine: {cores} × {model}, {:.0} GiB, fdatasync of 4 KiB {p50:.1} ms median, {p95:.1} ms p95; load {}",
        kibibytes / (1 << 20) as f64,
        load.split_whitespace().next().unwrap_or("")
    );
    Ok(())
}

fn sync_milliseconds(directory: &Path) -> Result<[f64; 2]> {
    let mut file = tempfile::tempfile_in(directory)?;
    let mut taken = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let began = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        taken.push(began.elapsed().as_secs_f64() * 1e3);
    }
    taken.sort_by(f64::total_cmp);
    Ok([taken[SYNCS / 2], taken[SYNCS * 95 / 100]])
}
