//! One target under libFuzzer: `PASSANT_FUZZ_TARGET=beacon fuzz corpus/beacon`. Its options are libFuzzer's.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use passant_fuzz::{Target, find};

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("PASSANT_FUZZ_TARGET").unwrap_or_default();
    find(&name).unwrap_or_else(|| panic!("PASSANT_FUZZ_TARGET is {name:?}, which is no target"))
});

fuzz_target!(|bytes: &[u8]| (TARGET.take)(bytes));
