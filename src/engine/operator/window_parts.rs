//! What a window aggregate gives: window by window, and a window that is on the disk part by part.

use super::Operator;
use super::groups::Groups;
use super::spill::Hashes;
use super::window_aggregate::{Keep, WindowAggregate};
use crate::clock::Micros;
use arrow::array::RecordBatch;
use datafusion::common::Result;
use std::collections::{BTreeSet, VecDeque};

/// What is still to be given.
pub struct Giving {
    windows: Windows,
    /// The window that is given in parts, and those that are left of it.
    parts: Option<(Micros, VecDeque<Hashes>)>,
}

enum Windows {
    /// Those that end by then. They are final.
    Closed(Micros),
    /// Those that begin at these times.
    These(VecDeque<Micros>),
}

impl Giving {
    /// The windows that end at or before `watermark`, which are final then.
    pub fn closed(watermark: Micros) -> Self {
        Self { windows: Windows::Closed(watermark), parts: None }
    }

    /// The windows that begin at these times.
    pub fn all(starts: Vec<Micros>) -> Self {
        Self { windows: Windows::These(starts.into()), parts: None }
    }

    fn keep(&self) -> Keep {
        match self.windows {
            Windows::Closed(_) => Keep::Nothing,
            Windows::These(_) => Keep::Panes,
        }
    }
}

impl WindowAggregate {
    /// Gives the rows of windows, in their order: as far as the first part of one that is on the disk.
    pub(super) fn give_all(&mut self, giving: Giving) -> Result<Vec<RecordBatch>> {
        self.giving = Some(giving);
        self.give()
    }

    /// The rows that come next; none where there are no more.
    pub(super) fn give(&mut self) -> Result<Vec<RecordBatch>> {
        let mut rows = Vec::new();
        while let Some(mut giving) = self.giving.take() {
            if let Some((start, parts)) = &mut giving.parts {
                match parts.pop_front() {
                    Some(hashes) => {
                        rows.extend(self.part(*start, &hashes)?);
                        if !rows.is_empty() {
                            self.giving = Some(giving);
                            return Ok(rows);
                        }
                    }
                    None => {
                        self.given(*start, giving.keep());
                        giving.parts = None;
                    }
                }
            } else if let Some(start) = self.next_window(&mut giving.windows) {
                if self.is_on_disk(start) {
                    giving.parts = Some((start, self.parts(start)?));
                } else {
                    rows.extend(self.window(start, giving.keep())?);
                    self.given(start, giving.keep());
                }
            } else {
                self.all_given(&giving.windows)?;
                continue;
            }
            self.giving = Some(giving);
        }
        Ok(rows)
    }

    fn next_window(&self, windows: &mut Windows) -> Option<Micros> {
        match windows {
            Windows::These(starts) => starts.pop_front(),
            Windows::Closed(watermark) => {
                let pane = self.panes.keys().next()?;
                let start = self.window.first_start(*pane).max(self.open);
                (start.saturating_add(self.window.size) <= *watermark).then_some(start)
            }
        }
    }

    fn given(&mut self, start: Micros, keep: Keep) {
        if keep == Keep::Nothing {
            self.forget_before(start.saturating_add(self.window.slide));
        }
    }

    fn all_given(&mut self, windows: &Windows) -> Result<()> {
        match windows {
            Windows::Closed(Micros::MAX) => Ok(()),
            Windows::Closed(watermark) => {
                self.forget(*watermark);
                Ok(())
            }
            Windows::These(_) => {
                self.panes.values_mut().try_for_each(|pane| pane.compact(&mut self.frozen, 0))
            }
        }
    }

    /// Whether some rows of a window are on the disk.
    pub(super) fn is_on_disk(&self, start: Micros) -> bool {
        let end = start.saturating_add(self.window.size);
        self.panes.range(start..end).any(|(_, pane)| !pane.runs().is_empty())
    }

    /// Puts all rows of a window onto the disk; gives the parts in which it is merged.
    fn parts(&mut self, start: Micros) -> Result<VecDeque<Hashes>> {
        let end = start.saturating_add(self.window.size);
        let mut runs = BTreeSet::new();
        self.begin_spill();
        for (_, pane) in self.panes.range_mut(start..end) {
            pane.spill(&mut self.frozen)?;
            runs.extend(pane.runs());
        }
        Ok(self.frozen.parts(&runs).collect())
    }

    /// The rows of a part of a window.
    fn part(&self, start: Micros, hashes: &Hashes) -> Result<Option<RecordBatch>> {
        let end = start.saturating_add(self.window.size);
        let mut groups = Groups::new(&self.spec)?;
        for (_, pane) in self.panes.range(start..end) {
            self.frozen.merge_hashes(pane.runs(), hashes, &mut groups)?;
        }
        if groups.is_empty() {
            return Ok(None);
        }
        self.rows_of(start, groups.take_result()?).map(Some)
    }

    /// Puts all that is in memory onto the disk, where that is more than the limit allows.
    pub(super) fn spill_above_limit(&mut self) -> Result<()> {
        let stays = self.frozen.rows.stays();
        if self.frozen.disk.as_ref().is_none_or(|disk| !disk.is_over(self.memory() - stays, stays)) {
            return Ok(());
        }
        self.begin_spill();
        self.panes.values_mut().try_for_each(|pane| pane.spill(&mut self.frozen))
    }

    /// What only makes closing faster is not for state that is larger than memory.
    fn begin_spill(&mut self) {
        self.rolling = vec![];
        if let Some(disk) = &mut self.frozen.disk {
            disk.begin();
        }
    }
}
