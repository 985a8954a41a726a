//! The shape of every request, walked over its bytes before they are decoded.
//!
//! The decoder makes room for as many items as an array's length says. A length is only a claim, so
//! each is first held against the bytes that are there.

use bytes::Buf;

/// Items of all arrays of one request together.
const MOST_ITEMS: usize = 200_000;

/// The bytes are not a request of their kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// A field and the versions that have it.
#[derive(Debug)]
pub struct Field {
    pub(super) from: i16,
    pub(super) to: i16,
    pub(super) kind: Kind,
}

/// How a field's bytes are laid out.
#[derive(Debug)]
pub enum Kind {
    /// So many bytes.
    Fixed(usize),
    /// A length and a text, or null.
    Text,
    /// A length and bytes, or null.
    Bytes,
    /// A count and values that carry no tags.
    Values(&'static Kind),
    /// A count and structures.
    Structs(&'static [Field]),
}

pub const INT8: Field = always(Kind::Fixed(1));
pub const INT16: Field = always(Kind::Fixed(2));
pub const INT32: Field = always(Kind::Fixed(4));
pub const INT64: Field = always(Kind::Fixed(8));
pub const UUID: Field = always(Kind::Fixed(16));
pub const TEXT: Field = always(Kind::Text);
pub const BYTES: Field = always(Kind::Bytes);
pub const TEXTS: Field = always(Kind::Values(&Kind::Text));
pub const INT32S: Field = always(Kind::Values(&Kind::Fixed(4)));
pub const INT64S: Field = always(Kind::Values(&Kind::Fixed(8)));

const fn always(kind: Kind) -> Field {
    Field { from: 0, to: i16::MAX, kind }
}

/// An array of structures.
pub const fn list(fields: &'static [Field]) -> Field {
    always(Kind::Structs(fields))
}

impl Field {
    /// From this version on.
    pub const fn since(self, from: i16) -> Self {
        Self { from, ..self }
    }

    /// Up to this version.
    pub const fn until(self, to: i16) -> Self {
        Self { to, ..self }
    }
}

/// Checks a request's header and body against its shape.
///
/// # Errors
/// A length that reaches behind the end, or too many items.
pub fn check(request: &[u8], fields: &[Field], version: i16, flexible: bool) -> Result<(), Malformed> {
    let mut walk = Walk { rest: request, version, flexible: false, items: 0 };
    walk.skip(8)?;
    walk.text()?;
    walk.flexible = flexible;
    walk.tags()?;
    walk.fields(fields)
}

struct Walk<'a> {
    rest: &'a [u8],
    version: i16,
    flexible: bool,
    items: usize,
}

impl Walk<'_> {
    fn fields(&mut self, fields: &[Field]) -> Result<(), Malformed> {
        let version = self.version;
        for field in fields.iter().filter(|field| (field.from..=field.to).contains(&version)) {
            self.kind(&field.kind)?;
        }
        self.tags()
    }

    fn kind(&mut self, kind: &Kind) -> Result<(), Malformed> {
        match kind {
            Kind::Fixed(size) => self.skip(*size),
            Kind::Text => self.text(),
            Kind::Bytes => {
                let length = self.length()?;
                self.skip(length.unwrap_or(0))
            }
            Kind::Values(kind) => self.each(|walk| walk.kind(kind)),
            Kind::Structs(fields) => self.each(|walk| walk.fields(fields)),
        }
    }

    fn each(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), Malformed>) -> Result<(), Malformed> {
        let count = self.length()?.unwrap_or(0);
        self.count(count)?;
        (0..count).try_for_each(|_| item(self))
    }

    fn count(&mut self, more: usize) -> Result<(), Malformed> {
        self.items = self.items.saturating_add(more);
        if self.items > MOST_ITEMS || more > self.rest.len() { Err(Malformed) } else { Ok(()) }
    }

    fn text(&mut self) -> Result<(), Malformed> {
        let length = if self.flexible {
            self.length()?
        } else {
            usize::try_from(self.rest.try_get_i16().map_err(|_| Malformed)?).ok()
        };
        self.skip(length.unwrap_or(0))
    }

    /// A length of an array or of bytes; `None` is null.
    fn length(&mut self) -> Result<Option<usize>, Malformed> {
        if self.flexible {
            return Ok(self.varint()?.checked_sub(1));
        }
        match self.rest.try_get_i32().map_err(|_| Malformed)? {
            -1 => Ok(None),
            length => usize::try_from(length).map(Some).map_err(|_| Malformed),
        }
    }

    fn tags(&mut self) -> Result<(), Malformed> {
        if !self.flexible {
            return Ok(());
        }
        let count = self.varint()?;
        self.count(count)?;
        for _ in 0..count {
            self.varint()?;
            let size = self.varint()?;
            self.skip(size)?;
        }
        Ok(())
    }

    fn varint(&mut self) -> Result<usize, Malformed> {
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.rest.try_get_u8().map_err(|_| Malformed)?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value & u32::MAX as usize);
            }
        }
        Err(Malformed)
    }

    fn skip(&mut self, size: usize) -> Result<(), Malformed> {
        self.rest = self.rest.get(size..).ok_or(Malformed)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fourteen_bytes_that_claim_two_billion_items_are_refused() {
        let mut request = vec![0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff];
        request.extend_from_slice(&0x7fff_ffff_i32.to_be_bytes());
        assert_eq!(check(&request, &[list(&[TEXT])], 1, false), Err(Malformed));
    }

    #[test]
    fn a_request_in_its_shape_passes_and_each_cut_of_it_does_not() {
        const FIELDS: &[Field] = &[TEXT, list(&[INT32, TEXT.since(2)]), INT8.until(1)];
        let request =
            [&[0; 8][..], &[0, 1, b'c'], &[0], &[2, b'a'], &[2, 0, 0, 0, 9, 3, b'x', b'y', 0], &[0]].concat();
        assert_eq!(check(&request, FIELDS, 2, true), Ok(()));
        for end in 0..request.len() {
            assert_eq!(check(&request[..end], FIELDS, 2, true), Err(Malformed), "cut at {end}");
        }
    }
}
