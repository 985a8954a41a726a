//! What the system says of this process and allows it; `None` where it does not say it, as outside of Linux.

use std::sync::LazyLock;

/// What the system has of this process.
const OWN: &str = "/proc/self/stat";

/// Memory that is in use and in RAM, in bytes.
pub fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

/// Processor time of all its threads, in seconds.
pub fn cpu_seconds() -> Option<f64> {
    cpu_seconds_of(OWN)
}

/// Processor time of a process or a thread, in seconds, by the file that the system has of it.
pub fn cpu_seconds_of(stat: &str) -> Option<f64> {
    let [user, system] = seconds(stat, [11, 12])?;
    Some(user + system)
}

/// When it began, in seconds since the epoch.
pub fn start_seconds() -> Option<f64> {
    static START: LazyLock<Option<f64>> = LazyLock::new(|| {
        let system = std::fs::read_to_string("/proc/stat").ok()?;
        let boot = system.lines().find_map(|line| line.strip_prefix("btime "))?.parse::<f64>().ok()?;
        let [start] = seconds(OWN, [19])?;
        Some(boot + start)
    });
    *START
}

/// Times among the fields of such a file.
fn seconds<const N: usize>(stat: &str, at: [usize; N]) -> Option<[f64; N]> {
    let stat = std::fs::read_to_string(stat).ok()?;
    // The name stands in brackets before them, whatever it contains.
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let mut seconds = [0.0; N];
    for (seconds, at) in seconds.iter_mut().zip(at) {
        // Ticks are hundredths of a second on every system.
        *seconds = fields.get(at)?.parse::<f64>().ok()? / 100.0;
    }
    Some(seconds)
}

/// Open files and connections.
pub fn open_files() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count())
}

/// Lets this process have as many files open as the system allows it: what a shell begins with is often a thousand.
pub fn open_more_files() {
    #[cfg(target_os = "linux")]
    {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        #[expect(unsafe_code, reason = "the standard library knows no limits")]
        // SAFETY: each call gets a pointer to a structure that is alive and nobody else's.
        let is_raised = unsafe {
            libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 && {
                limit.rlim_cur = limit.rlim_max;
                libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) == 0
            }
        };
        if !is_raised {
            tracing::debug!("the limit of open files stays: {}", std::io::Error::last_os_error());
        }
    }
}
