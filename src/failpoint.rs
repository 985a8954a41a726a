//! Ends this process at a step, as a kill there would: `ECAP_FAILPOINT=entry:2` aborts it where it comes to the step `entry`
//! for the second time. For tests of what is left then; ARCHITECTURE.md lists the steps.

use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The environment variable that names the step.
const VARIABLE: &str = "ECAP_FAILPOINT";

/// A step at which the process ends.
struct Failpoint {
    step: String,
    /// How often it is still passed, the last time with it.
    left: AtomicU64,
}

impl Failpoint {
    fn parse(text: &str) -> Option<Self> {
        let (step, count) = text.split_once(':').unwrap_or((text, "1"));
        Some(Self { step: step.into(), left: AtomicU64::new(count.parse().ok()?) })
    }

    /// Whether the process ends here.
    fn is_met(&self, step: &str) -> bool {
        self.step == step && self.left.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

/// The step is reached. The process ends here if the environment says so.
pub fn pass(step: &str) {
    static SET: OnceLock<Option<Failpoint>> = OnceLock::new();
    let set = SET.get_or_init(|| Failpoint::parse(&std::env::var(VARIABLE).ok()?));
    if set.as_ref().is_some_and(|set| set.is_met(step)) {
        // Nothing is left to do about it where nobody hears that.
        let _ = writeln!(std::io::stderr(), "{VARIABLE}: {step}");
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_met_when_it_was_passed_often_enough() {
        let met = |text: &str| {
            let set = Failpoint::parse(text).expect("a step");
            ["entry", "commit", "entry", "entry"].map(|step| set.is_met(step))
        };
        assert_eq!(met("entry"), [true, false, false, false]);
        assert_eq!(met("entry:2"), [false, false, true, false]);
        assert_eq!(met("state:1"), [false; 4]);
        assert!(Failpoint::parse("entry:often").is_none());
    }
}
