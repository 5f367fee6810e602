//! scratch
#![allow(clippy::all, missing_docs, clippy::print_stdout)]
#[tokio::main]
async fn main() {
    let mut a = std::env::args().skip(1);
    let id = a.next().unwrap();
    let count: u32 = a.next().unwrap().parse().unwrap();
    let first: u32 = a.next().map_or(0, |s| s.parse().unwrap());
    let f = passant_faults::find(&id).unwrap();
    let t = std::time::Instant::now();
    let r = tokio::spawn((f.run)(passant_faults::Rounds { first, count })).await;
    println!("{id}: {r:?} in {:?}", t.elapsed());
}
