//! Which groups a batch changed.

/// The live groups that rows came to since they were counted last: a bit for each group, and a list of those set.
#[derive(Default)]
pub struct Touched {
    bits: Vec<u64>,
    groups: Vec<usize>,
    /// Groups that are not live any more; one that comes again counts again.
    pub spilled: usize,
}

impl Touched {
    /// Rows came to these groups.
    pub fn add(&mut self, groups: &[usize]) {
        for &group in groups {
            let (word, bit) = (group / 64, 1 << (group % 64));
            if self.bits.len() <= word {
                self.bits.resize(word + 1, 0);
            }
            if self.bits[word] & bit == 0 {
                self.bits[word] |= bit;
                self.groups.push(group);
            }
        }
    }

    /// How many groups rows came to since the last call.
    pub fn take_count(&mut self) -> usize {
        let count = self.groups.len() + std::mem::take(&mut self.spilled);
        for group in self.groups.drain(..) {
            self.bits[group / 64] = 0;
        }
        count
    }
}
