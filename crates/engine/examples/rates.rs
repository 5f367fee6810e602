//! What the front costs: `rates --socket PATH --pid PID` against a running engine.
//!
//! It inserts blocks of 30 columns and times small SELECTs, asserts what it stored, and prints rates.

use std::{
    error::Error,
    io::{Read, Write},
    os::unix::net::UnixStream,
    time::Instant,
};

const ROWS: u64 = 50_000;
const BLOCKS: u64 = 20;
const TEXTS: usize = 20;
const NUMBERS: usize = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (mut socket, mut pid) = (None, None);
    while let Some(name) = arguments.next() {
        match name.as_str() {
            "--socket" => socket = arguments.next(),
            "--pid" => pid = arguments.next(),
            other => return Err(format!("{other} is no option: --socket, --pid").into()),
        }
    }
    let (socket, pid) = (socket.ok_or("--socket is missing")?, pid.ok_or("--pid is missing")?);
    let mut stream = UnixStream::connect(socket)?;
    let columns: Vec<String> = (0..TEXTS)
        .map(|i| format!("t{i} LowCardinality(String)"))
        .chain((0..NUMBERS).map(|i| format!("n{i} UInt64")))
        .collect();
    let names: Vec<&str> = columns.iter().filter_map(|column| column.split(' ').next()).collect();
    ask(&mut stream, "", b"DROP TABLE IF EXISTS rates")?;
    let create = format!("CREATE TABLE rates ({}) ENGINE = MergeTree ORDER BY n0", columns.join(", "));
    ask(&mut stream, "", create.as_bytes())?;
    let block = block();
    let query = format!("?query=INSERT%20INTO%20rates%20({})%20FORMAT%20Native", names.join(","));
    let (begun, cpu) = (Instant::now(), cpu_seconds(&pid)?);
    for _ in 0..BLOCKS {
        ask(&mut stream, &query, &block)?;
    }
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds(&pid)? - cpu);
    let stored = ask(&mut stream, "", b"SELECT count() FROM rates")?;
    assert_eq!(stored.trim(), (ROWS * BLOCKS).to_string());
    let million = (ROWS * BLOCKS) as f64 / 1e6;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "insert: {:.2} CPU s and {:.2} s per million 30-column rows",
        cpu / million,
        seconds / million
    )?;
    let mut times: Vec<u128> = Vec::new();
    let mut inside: Vec<u128> = Vec::new();
    for _ in 0..2000 {
        let begun = Instant::now();
        let (head, _) = exchange(&mut stream, "", b"SELECT 1")?;
        times.push(begun.elapsed().as_micros());
        let elapsed = head.split("\"elapsed_ns\":\"").nth(1).and_then(|rest| rest.split('"').next());
        inside.push(elapsed.ok_or("no summary")?.parse::<u128>()? / 1000);
    }
    times.sort_unstable();
    inside.sort_unstable();
    let middle = times.len() / 2;
    writeln!(
        out,
        "SELECT 1: median {} µs at the client, {} µs from queue to reply",
        times[middle], inside[middle]
    )?;
    Ok(())
}

fn ask(stream: &mut UnixStream, query: &str, body: &[u8]) -> Result<String, Box<dyn Error>> {
    Ok(exchange(stream, query, body)?.1)
}

fn exchange(stream: &mut UnixStream, query: &str, body: &[u8]) -> Result<(String, String), Box<dyn Error>> {
    write!(stream, "POST /{query} HTTP/1.1\r\nhost: engine\r\ncontent-length: {}\r\n\r\n", body.len())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece)?;
        answer.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.ok_or("no length")?.parse()? {
                if !head.starts_with("HTTP/1.1 200") {
                    return Err(body.into());
                }
                return Ok((head.to_owned(), body.to_owned()));
            }
        }
    }
}

fn block() -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, (TEXTS + NUMBERS) as u64);
    varint(&mut out, ROWS);
    for column in 0..TEXTS {
        text(&mut out, &format!("t{column}"));
        text(&mut out, "String");
        (0..ROWS).for_each(|row| text(&mut out, &format!("value {}", row * (column as u64 + 1) % 300)));
    }
    for column in 0..NUMBERS {
        text(&mut out, &format!("n{column}"));
        text(&mut out, "UInt64");
        (0..ROWS).for_each(|row| out.extend_from_slice(&(row % (1 << (column + 4))).to_le_bytes()));
    }
    out
}

fn text(out: &mut Vec<u8>, text: &str) {
    varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn cpu_seconds(pid: &str) -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit_once(')').ok_or("no stat")?.1.split_whitespace().collect();
    Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
}
