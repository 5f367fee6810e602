//! Every fault that Passant must survive, in one table: the tests run each a few times, the soak a great many.
//!
//! Invariant: a fault is one row of [`FAULTS`] and one module; who runs it, how often, and how its count is reported
//! stands elsewhere. After each round 0 acknowledged events are lost, 0 doubled, 0 refused ones stored.

mod clock_jumps;
mod damaged_files;
mod descriptors;
mod disk_full;
mod engine_killed;
mod engine_memory;
mod engine_stopped;
mod fault;
mod foreign_spool;
mod io_error;
mod moved_data;
mod overload;
mod power_loss;
mod refusal;
mod repeated_beacon;
mod scene;
mod server_killed;
mod slow_clients;
pub mod slowest;
mod spool_place;
mod starts_killed;
mod steps_killed;
mod stopped_under_load;
mod store_proxy;
mod store_trouble;

pub use fault::{Fault, Rounds, Tally, find};

/// All faults, in the order of their numbers.
pub const FAULTS: &[Fault] = &[
    Fault {
        id: "F1",
        title: "the whole server is killed (SIGKILL) at random moments under load",
        holds: "it serves again in under 2 s",
        test_rounds: 50,
        soak_rounds: 1_000,
        batch_rounds: 25,
        run: server_killed::run,
    },
    Fault {
        id: "F2",
        title: "the server is killed at each step: before, in and after the append; sync; acknowledgement; new segment; seal; insert; reconciliation; removal",
        holds: "no crash loop, no stuck tail",
        test_rounds: 2,
        soak_rounds: 50,
        batch_rounds: 1,
        run: steps_killed::run,
    },
    Fault {
        id: "F3",
        title: "the engine is ended by SIGKILL, SIGABRT or SIGSEGV in the midst of inserts",
        holds: "beacons are acknowledged all the while; the engine comes back by itself",
        test_rounds: 20,
        soak_rounds: 300,
        batch_rounds: 10,
        run: engine_killed::run,
    },
    Fault {
        id: "F4",
        title: "the engine hangs (SIGSTOP) for a minute",
        holds: "memory stays flat, and the metrics tell the age of the oldest event",
        test_rounds: 1,
        soak_rounds: 20,
        batch_rounds: 1,
        run: engine_stopped::run,
    },
    Fault {
        id: "F5",
        title: "the store is slow, answers 503 or too many parts, or the connection to it is cut before, during or after the commit",
        holds: "tries back off, and the store is asked before anything is inserted again",
        test_rounds: 20,
        soak_rounds: 300,
        batch_rounds: 20,
        run: store_trouble::run,
    },
    Fault {
        id: "F6",
        title: "the disk is full for a write, a sync or the next segment of the spool, or for the store",
        holds: "503 with Retry-After, the process stays up and recovers by itself",
        test_rounds: 4,
        soak_rounds: 100,
        batch_rounds: 4,
        run: disk_full::run,
    },
    Fault {
        id: "F7",
        title: "the disk answers EIO to a write, a sync, a creation, or to every try to cut a failed segment",
        holds: "what failed is not acknowledged, and no file that failed is written again",
        test_rounds: 10,
        soak_rounds: 100,
        batch_rounds: 10,
        run: io_error::run,
    },
    Fault {
        id: "F8",
        title: "files of the spool are torn, cut at any byte, zeroed by the page, or have bits flipped",
        holds: "intact frames survive, each damaged one is counted",
        test_rounds: 500,
        soak_rounds: 14_000,
        batch_rounds: 500,
        run: damaged_files::run,
    },
    Fault {
        id: "F9",
        title: "the power goes: unsynced pages and directory entries vanish or are reordered (a model of the disk)",
        holds: "segments that were removed never come back",
        test_rounds: 200,
        soak_rounds: 5_000,
        batch_rounds: 250,
        run: power_loss::run,
    },
    Fault {
        id: "F10",
        title: "the server is killed again within 2 s of each start, many times running",
        holds: "recovery is idempotent",
        test_rounds: 10,
        soak_rounds: 1_000,
        batch_rounds: 10,
        run: starts_killed::run,
    },
    Fault {
        id: "F11",
        title: "the clock jumps by a day, midnight passes during a crash, the clocks go forward or back, keys are rotated",
        holds: "a visitor is one for the whole of the site's own day and another the next; no timer gets stuck",
        test_rounds: 5,
        soak_rounds: 50,
        batch_rounds: 5,
        run: clock_jumps::run,
    },
    Fault {
        id: "F12",
        title: "descriptors run out: connections meet a limit of 64, then there is not one left",
        holds: "who is connected is served, nothing spins, and others are let in again",
        test_rounds: 1,
        soak_rounds: 20,
        batch_rounds: 5,
        run: descriptors::run,
    },
    Fault {
        id: "F13",
        title: "5,000 clients send heads and bodies byte by byte, or idle",
        holds: "each is closed by its deadline, and everybody else is answered",
        test_rounds: 1,
        soak_rounds: 20,
        batch_rounds: 2,
        run: slow_clients::run,
    },
    Fault {
        id: "F14",
        title: "three times the load that the server can take",
        holds: "the rest is answered 429 or 503, and memory is bounded",
        test_rounds: 2,
        soak_rounds: 10,
        batch_rounds: 2,
        run: overload::run,
    },
    Fault {
        id: "F15",
        title: "the server is told to stop (SIGTERM) under load, and started again",
        holds: "no request that was sent while it listened fails; it has ended within 10 s",
        test_rounds: 10,
        soak_rounds: 100,
        batch_rounds: 10,
        run: stopped_under_load::run,
    },
    Fault {
        id: "F16",
        title: "the spool's directory is read-only, deleted while running, someone else's, or in use by another process",
        holds: "a start refuses and says why; there are never two writers",
        test_rounds: 4,
        soak_rounds: 20,
        batch_rounds: 4,
        run: spool_place::run,
    },
    Fault {
        id: "F17",
        title: "the answer is lost and the client sends the same beacon again, with the same nonce",
        holds: "each repeat is acknowledged, and there is one row",
        test_rounds: 12,
        soak_rounds: 300,
        batch_rounds: 100,
        run: repeated_beacon::run,
    },
    Fault {
        id: "F18",
        title: "the engine gets no more memory and dies of it",
        holds: "as for an engine that is killed",
        test_rounds: 2,
        soak_rounds: 50,
        batch_rounds: 5,
        run: engine_memory::run,
    },
    Fault {
        id: "F19",
        title: "the spool was written by an older or newer version",
        holds: "it is read, or refused in words; nothing is deleted",
        test_rounds: foreign_spool::COUNT,
        soak_rounds: foreign_spool::COUNT,
        batch_rounds: foreign_spool::COUNT,
        run: foreign_spool::run,
    },
    Fault {
        id: "F20",
        title: "the data directory is restored from yesterday's copy, or the spool is moved to another node",
        holds: "the log says from when on events are missing; nothing is doubled",
        test_rounds: 2,
        soak_rounds: 10,
        batch_rounds: 2,
        run: moved_data::run,
    },
];
