//! The program's own file in memory.

/// Unmaps the text and constants that only the start needed. What is used again comes back from the page cache.
///
/// The kernel maps sixteen pages for each that is touched, so that planning one query leaves half of a database engine
/// resident: 55 MB, of which a running query touches 5. Elsewhere than on Linux this does nothing.
pub fn give_back_start() {
    #[cfg(target_os = "linux")]
    linux::give_back_start();
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ops::Range;

    pub fn give_back_start() {
        let (Ok(program), Ok(maps)) = (std::env::current_exe(), std::fs::read_to_string("/proc/self/smaps"))
        else {
            return;
        };
        for Range { start, end } in clean(&maps, &program.to_string_lossy()) {
            #[expect(unsafe_code, reason = "a query needs 50 MB less")]
            // SAFETY: The range is a whole mapping of the program's file that may be read, not written, and of
            // which this process has no page of its own: each page comes back as the file has it.
            let done = unsafe {
                libc::madvise(std::ptr::without_provenance_mut(start), end - start, libc::MADV_DONTNEED)
            };
            if done != 0 {
                tracing::debug!("cannot unmap text: {}", std::io::Error::last_os_error());
            }
        }
    }

    /// The mappings of `program` that cannot be written and hold what its file holds.
    fn clean(maps: &str, program: &str) -> Vec<Range<usize>> {
        let (mut found, mut current) = (Vec::new(), None);
        for line in maps.lines() {
            if let Some(range) = read_only(line, program) {
                current = range;
            } else if let (Some(range), Some(own)) = (&current, line.strip_prefix("Anonymous:")) {
                found.extend((own.trim() == "0 kB").then(|| range.clone()));
            }
        }
        found
    }

    /// The range of a mapping's first line, within, where it is the program's; nothing where it is another line.
    fn read_only(line: &str, program: &str) -> Option<Option<Range<usize>>> {
        let mut words = line.splitn(6, ' ');
        let (start, end) = words.next()?.split_once('-')?;
        let number = |text| usize::from_str_radix(text, 16).ok();
        let (range, rights) = (number(start)?..number(end)?, words.next()?);
        let is_own = matches!(rights, "r-xp" | "r--p")
            && words.nth(3).is_some_and(|path| path.trim_start() == program);
        Some(is_own.then_some(range))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        const MAPS: &str = "\
1000-3000 r--p 00000000 fe:00 9 /opt/a program
Rss:                   8 kB
Anonymous:             0 kB
3000-9000 r-xp 00002000 fe:00 9                          /opt/a program
Rss:                  24 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
9000-a000 r-xp 00008000 fe:00 9 /opt/a program
Anonymous:             4 kB
b000-c000 r-xp 00000000 fe:00 8 /usr/lib/libc.so.6
Anonymous:             0 kB
d000-e000 r-xp 00000000 00:00 0
Anonymous:             0 kB
";

        #[test]
        fn only_what_is_the_program_s_own_and_unchanged_is_unmapped() {
            let found = clean(MAPS, "/opt/a program");
            assert_eq!(
                found.iter().map(|range| (range.start, range.end)).collect::<Vec<_>>(),
                [(0x1000, 0x3000), (0x3000, 0x9000)]
            );
        }

        #[test]
        fn a_program_runs_on_when_it_was_unmapped() {
            let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
            let program = std::env::current_exe().unwrap();
            assert!(!clean(&maps, &program.to_string_lossy()).is_empty(), "{maps}");
            give_back_start();
        }
    }
}
