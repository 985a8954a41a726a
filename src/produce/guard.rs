//! The Parquet library panics on some damaged files. What is a file's fault is an error here.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether a panic of this thread is caught, and nobody is to hear of it.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Does `work`, which panics only where its input is damaged; gives what the panic says. What `work` has
/// changed by then must not be used again.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let loud = take_hook();
        set_hook(Box::new(move |panic| {
            if !CAUGHT.get() {
                loud(panic)
            }
        }));
    });
    CAUGHT.set(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    CAUGHT.set(false);
    done.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        format!("the file is damaged: {}", text.unwrap_or("its parts do not fit together"))
    })
}

#[cfg(test)]
mod tests {
    use super::guarded;

    #[test]
    fn a_panic_becomes_its_text() {
        assert_eq!(guarded(|| 7), Ok(7));
        let text = guarded(|| [1, 2][std::hint::black_box(5)]).expect_err("out of bounds");
        assert!(text.starts_with("the file is damaged: index out of bounds"), "{text}");
    }
}
