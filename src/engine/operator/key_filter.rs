//! Whether a key may be among others, of which nothing is kept but some bits: a split block Bloom filter, as in
//! Parquet, so that a key is looked up in one place of memory.

/// So many bits are kept of a key: one key in some 700 that are not there is taken for one that may be.
const BITS: usize = 16;

/// A key has one bit in each of the words of a block.
type Block = [u32; 8];

/// Odd numbers that choose a key's bit in each word of its block.
const SALTS: Block =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

/// The keys that may be there.
#[derive(Debug)]
pub struct KeyFilter(Vec<Block>);

impl KeyFilter {
    /// Nothing yet, with room for so many keys.
    pub fn new(keys: usize) -> Self {
        Self(vec![[0; 8]; keys * BITS / (8 * u32::BITS as usize) + 1])
    }

    /// The keys with these hashes.
    pub fn of(hashes: impl ExactSizeIterator<Item = u64>) -> Self {
        let mut filter = Self::new(hashes.len());
        hashes.for_each(|hash| filter.add(hash));
        filter
    }

    /// Adds a key by its hash.
    pub fn add(&mut self, hash: u64) {
        let at = self.block(hash);
        for (word, bit) in self.0[at].iter_mut().zip(bits(hash)) {
            *word |= bit;
        }
    }

    /// Whether a key with this hash may be there. It is when it was added.
    pub fn may_have(&self, hash: u64) -> bool {
        self.0[self.block(hash)].iter().zip(bits(hash)).all(|(word, bit)| word & bit != 0)
    }

    /// What it takes, in bytes.
    pub fn memory(&self) -> usize {
        self.0.len() * size_of::<Block>()
    }

    fn block(&self, hash: u64) -> usize {
        ((u128::from(hash >> 32) * self.0.len() as u128) >> 32) as usize
    }
}

fn bits(hash: u64) -> impl Iterator<Item = u32> {
    SALTS.iter().map(move |salt| 1 << ((hash as u32).wrapping_mul(*salt) >> 27))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::operator::keys::Key;

    fn hashes(numbers: std::ops::Range<u32>) -> impl Iterator<Item = u64> {
        numbers.map(|number| Key::of(&number.to_be_bytes()).hash)
    }

    #[test]
    fn what_was_added_may_be_there_and_hardly_anything_else() {
        let mut filter = KeyFilter::new(100_000);
        hashes(0..100_000).for_each(|hash| filter.add(hash));
        assert!(hashes(0..100_000).all(|hash| filter.may_have(hash)));
        let wrong = hashes(100_000..200_000).filter(|hash| filter.may_have(*hash)).count();
        assert!(wrong < 400, "{wrong} of 100,000");
        assert_eq!(filter.memory(), 200_032);
    }
}
