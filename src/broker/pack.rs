//! Records packed by a codec, for topics that have one of their own.

use super::unpack::SNAPPY_STREAM;
use std::io::{self, Write};

/// Bytes of a snappy block before packing, as Java's writer has them.
const SNAPPY_BLOCK: usize = 32 << 10;

/// How records are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Codec {
    /// Its number in a batch's attributes.
    pub number: i16,
    /// The codec's own level; the topic's settings say it.
    pub level: i32,
}

impl Codec {
    /// The codec with this number at its default level.
    pub fn usual(number: i16) -> Self {
        Self { number, level: if number == 1 { -1 } else { 0 } }
    }
}

/// Takes plain bytes, keeps packed ones.
pub enum Packer {
    Plain(Vec<u8>),
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
    Snappy(Snappy),
    Lz4(lz4::Encoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Packer {
    /// A packer of nothing yet.
    ///
    /// # Errors
    /// A codec that is not known.
    pub fn new(codec: Codec) -> io::Result<Self> {
        let packed = Vec::new();
        Ok(match codec.number {
            0 => Self::Plain(packed),
            1 => {
                let level =
                    u32::try_from(codec.level).map_or_else(|_| Default::default(), flate2::Compression::new);
                Self::Gzip(flate2::write::GzEncoder::new(packed, level))
            }
            2 => Self::Snappy(Snappy::new()),
            3 => Self::Lz4(
                // Java's reader takes blocks only that do not depend on each other.
                lz4::EncoderBuilder::new()
                    .block_mode(lz4::BlockMode::Independent)
                    .block_size(lz4::BlockSize::Max64KB)
                    .checksum(lz4::ContentChecksum::NoChecksum)
                    .level(codec.level.unsigned_abs())
                    .build(packed)?,
            ),
            4 => Self::Zstd(zstd::stream::write::Encoder::new(packed, codec.level)?),
            other => return Err(io::Error::other(format!("codec {other} is not known"))),
        })
    }

    /// The packed bytes.
    ///
    /// # Errors
    /// The codec's own.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain(packed) => Ok(packed),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Snappy(mut snappy) => snappy.block().map(|()| snappy.packed),
            Self::Lz4(encoder) => {
                let (packed, ended) = encoder.finish();
                ended.map(|()| packed)
            }
            Self::Zstd(encoder) => encoder.finish(),
        }
    }

    fn inner(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(packed) => packed,
            Self::Gzip(encoder) => encoder,
            Self::Snappy(snappy) => snappy,
            Self::Lz4(encoder) => encoder,
            Self::Zstd(encoder) => encoder,
        }
    }
}

impl Write for Packer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stream of snappy blocks, as Java writes and reads it.
pub struct Snappy {
    plain: Vec<u8>,
    packed: Vec<u8>,
}

impl Snappy {
    fn new() -> Self {
        // Version 1, readable from version 1 on.
        Self { plain: Vec::new(), packed: [SNAPPY_STREAM, &[0, 0, 0, 1, 0, 0, 0, 1]].concat() }
    }

    fn block(&mut self) -> io::Result<()> {
        if !self.plain.is_empty() {
            let block = snap::raw::Encoder::new().compress_vec(&self.plain)?;
            self.packed.extend_from_slice(&(block.len() as u32).to_be_bytes());
            self.packed.extend_from_slice(&block);
            self.plain.clear();
        }
        Ok(())
    }
}

impl Write for Snappy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = SNAPPY_BLOCK - self.plain.len();
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.plain.extend_from_slice(taken);
        if self.plain.len() == SNAPPY_BLOCK {
            self.block()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn what_is_packed_unpacks_to_the_same() {
        let plain: Vec<u8> = (0..200_000_u32).flat_map(|at| (at / 7).to_le_bytes()).collect();
        for (number, level) in [(0, 0), (1, -1), (1, 9), (2, 0), (3, 9), (4, 3), (4, -5)] {
            let mut packer = Packer::new(Codec { number, level }).unwrap();
            packer.write_all(&plain).unwrap();
            let packed = packer.finish().unwrap();
            let mut unpacked = Vec::new();
            crate::broker::unpack::reader(number, &packed).unwrap().read_to_end(&mut unpacked).unwrap();
            assert!(unpacked == plain, "codec {number}");
        }
    }
}
