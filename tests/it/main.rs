//! One integration test binary; each module is one promise.
