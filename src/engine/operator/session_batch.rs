//! The sessions that the rows of one batch make among themselves.

use super::keys::Keys;
use crate::clock::Micros;

/// A session of one batch: from its first row to the gap after its last.
pub struct Local {
    /// The time of the first row.
    pub start: Micros,
    /// The gap after the last row.
    pub end: Micros,
    /// A row with its key.
    pub row: usize,
}

/// Sessions by key and time, and the session of each row.
pub fn sessions_of(keys: &Keys, times: &[Micros], gap: Micros) -> (Vec<Local>, Vec<usize>) {
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_unstable_by(|a, b| keys.bytes(*a).cmp(keys.bytes(*b)).then(times[*a].cmp(&times[*b])));
    let (mut locals, mut session_of): (Vec<Local>, _) = (Vec::new(), vec![0; times.len()]);
    for row in order {
        let (key, time) = (keys.bytes(row), times[row]);
        let end = time.saturating_add(gap);
        match locals.last_mut() {
            Some(last) if keys.bytes(last.row) == key && time <= last.end => last.end = end,
            _ => locals.push(Local { start: time, end, row }),
        }
        session_of[row] = locals.len() - 1;
    }
    (locals, session_of)
}
