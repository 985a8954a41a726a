//! All integration tests in one binary: a module per promise.
