//! Compressed records as a stream, so that what a batch claims to hold costs no memory.

use std::io::{self, Read};

/// The most that one batch is unpacked to; more is not looked at.
const MOST_BYTES: u64 = 256 << 20;
/// The largest window of a zstd frame: 2 to the power of this.
const ZSTD_WINDOW: u32 = 24;
/// Snappy never packs better than this many to one.
const SNAPPY_RATIO: usize = 32;
/// What begins a stream of snappy blocks, as Java writes it; without it there is one block.
pub const SNAPPY_STREAM: &[u8] = b"\x82SNAPPY\0";
const SNAPPY_STREAM_HEADER: usize = 16;

/// A reader of the unpacked bytes; `codec` is the number in a batch's attributes.
///
/// # Errors
/// A codec that is not known, or bytes that are not of it.
pub fn reader(codec: i16, packed: &[u8]) -> io::Result<impl Read> {
    let unpacked: Box<dyn Read + '_> = match codec {
        0 => Box::new(packed),
        1 => Box::new(flate2::read::MultiGzDecoder::new(packed)),
        2 => Box::new(Snappy::new(packed)),
        3 => Box::new(lz4::Decoder::new(packed)?),
        4 => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
            decoder.window_log_max(ZSTD_WINDOW)?;
            Box::new(decoder)
        }
        other => return Err(io::Error::other(format!("codec {other} is not known"))),
    };
    Ok(io::BufReader::new(unpacked.take(MOST_BYTES)))
}

/// Snappy blocks, each unpacked when the one before is used up.
struct Snappy<'a> {
    packed: &'a [u8],
    in_stream: bool,
    block: io::Cursor<Vec<u8>>,
}

impl<'a> Snappy<'a> {
    fn new(packed: &'a [u8]) -> Self {
        let stream = packed.strip_prefix(SNAPPY_STREAM).and_then(|_| packed.get(SNAPPY_STREAM_HEADER..));
        Self { packed: stream.unwrap_or(packed), in_stream: stream.is_some(), block: Default::default() }
    }

    fn next_block(&mut self) -> io::Result<()> {
        let mut block = std::mem::take(&mut self.packed);
        if self.in_stream {
            let torn = || io::Error::from(io::ErrorKind::UnexpectedEof);
            let (length, rest) = block.split_first_chunk().ok_or_else(torn)?;
            let length = u32::from_be_bytes(*length) as usize;
            (block, self.packed) = rest.split_at_checked(length).ok_or_else(torn)?;
        }
        if snap::raw::decompress_len(block)? > block.len().saturating_mul(SNAPPY_RATIO) {
            return Err(io::Error::other("a snappy block claims more than it can hold"));
        }
        self.block = io::Cursor::new(snap::raw::Decoder::new().decompress_vec(block)?);
        Ok(())
    }
}

impl Read for Snappy<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.block.read(into)?;
            if read > 0 || into.is_empty() || self.packed.is_empty() {
                return Ok(read);
            }
            self.next_block()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::{BufMut, BytesMut};
    use kafka_protocol::compression::{Compressor, Gzip, Lz4, Snappy, Zstd};

    fn unpacked(codec: i16, packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        reader(codec, packed)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn every_codec_is_unpacked() {
        let plain: Vec<u8> = (0..200_000_u32).flat_map(|at| (at / 7).to_be_bytes()).collect();
        let mut packed: [BytesMut; 5] = Default::default();
        let write = |to: &mut BytesMut| {
            to.put_slice(&plain);
            Ok(())
        };
        packed[0].put_slice(&plain);
        Gzip::compress(&mut packed[1], write).unwrap();
        Snappy::compress(&mut packed[2], write).unwrap();
        Lz4::compress(&mut packed[3], write).unwrap();
        Zstd::compress(&mut packed[4], write).unwrap();
        for (codec, packed) in (0..).zip(&packed) {
            assert!(unpacked(codec, packed).unwrap() == plain, "codec {codec}");
        }
        let one_block = snap::raw::Encoder::new().compress_vec(&plain).unwrap();
        assert!(unpacked(2, &one_block).unwrap() == plain);
    }

    #[test]
    fn what_is_not_of_the_codec_is_an_error() {
        for codec in 1..6 {
            assert!(unpacked(codec, b"neither packed nor of any codec").is_err(), "codec {codec}");
        }
        // Four bytes that claim four gigabytes, alone and in a stream.
        let claim = [0xff, 0xff, 0xff, 0xff, 0x0f, 0];
        assert!(unpacked(2, &claim).is_err());
        let stream = [SNAPPY_STREAM, &[0; 8], &6_u32.to_be_bytes(), &claim].concat();
        assert!(unpacked(2, &stream).is_err());
    }
}
