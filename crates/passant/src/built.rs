//! What was built for browsers, embedded: each file by its name within the directory that it was built in.

include!(concat!(env!("OUT_DIR"), "/built.rs"));
