//! What the linker is told beyond Cargo.toml.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("TARGET").is_ok_and(|target| target.ends_with("linux-gnu")) && reads_packed_relocations()
    {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// A program that knows a database engine has 5 MB of pointers to relocate, all of which each process reads at its start;
/// packed it is a tenth of a megabyte. The C library reads that since glibc 2.36.
fn reads_packed_relocations() -> bool {
    let version = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok();
    let version = version.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    let mut number = version.trim().trim_start_matches("glibc ").split('.').map(str::parse::<u32>);
    matches!((number.next(), number.next()), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= (2, 36))
}
