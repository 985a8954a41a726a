//! Which column a key stands for. Objects of one topic have their keys in one order, so the key that came
//! behind the last one in the record before is tried first, with one wide comparison.

use super::column::Column;
use super::json::{MAX_DEPTH, Scan, Scanned};
use super::observed::{Drift, Observed};
use super::schema::{Field, Type};
use std::collections::HashMap;

/// So many keys of an object are told apart.
const MANY: usize = 512;

/// So many words of eight bytes are compared at once: enough for keys of 21 bytes.
const WORDS: usize = 3;

/// A longer key is not worth being remembered.
const LONG: usize = 64;

/// The keys of an object, those that no column is declared for with them.
#[derive(Debug)]
pub struct Keys {
    /// The first one stands for all that are not remembered.
    known: Vec<Key>,
    numbers: HashMap<Box<[u8]>, usize>,
    /// The key that came first in the last object.
    first: usize,
}

#[derive(Debug)]
struct Key {
    name: Box<[u8]>,
    pattern: Pattern,
    target: Target,
    /// The key that came behind this one in the last object.
    next: usize,
}

/// What a key stands for.
#[derive(Debug)]
pub enum Target {
    /// A column that is read, by its position.
    Column(usize),
    /// A column that nobody wants.
    Passed(Passed),
    /// No column: how many values there were.
    Unknown(u64),
}

/// A declared column whose values are validated and passed over.
#[derive(Debug)]
pub struct Passed {
    kind: Type,
    inside: Option<Keys>,
    drift: Drift,
}

impl Keys {
    /// Keys with what they stand for.
    pub fn new<'a>(fields: impl Iterator<Item = (&'a Field, Target)>) -> Self {
        let mut keys = Self { known: Vec::new(), numbers: HashMap::new(), first: 0 };
        let others = Key {
            name: b"*".as_slice().into(),
            pattern: Pattern::NEVER,
            target: Target::Unknown(0),
            next: 0,
        };
        keys.known.push(others);
        for (field, target) in fields {
            keys.add(field.name.as_bytes(), target);
        }
        keys
    }

    fn add(&mut self, name: &[u8], target: Target) -> usize {
        let number = self.known.len();
        self.known.push(Key { name: name.into(), pattern: Pattern::of(name), target, next: 0 });
        self.numbers.insert(name.into(), number);
        number
    }

    /// Reads an object into its columns; `depth` objects and arrays are there, itself counted.
    pub fn read(&mut self, columns: &mut [Column], scan: &mut Scan<'_>, depth: usize) -> Scanned<()> {
        scan.expect(b'{', "'{'")?;
        if scan.take(b'}') {
            return Ok(());
        }
        let (mut before, mut number) = (None, self.first);
        loop {
            if !self.known[number].pattern.take(scan) {
                number = self.look_up(scan, number, before)?;
            }
            let key = &mut self.known[number];
            match &mut key.target {
                Target::Column(index) => columns[*index].read(scan, depth)?,
                Target::Passed(passed) => passed.read(scan, depth)?,
                Target::Unknown(seen) => {
                    *seen += 1;
                    scan.skip(depth)?;
                }
            }
            if !scan.more(b'}', "',' or '}'")? {
                return Ok(());
            }
            before = Some(number);
            number = key.next;
        }
    }

    /// Reads a key that need not be the `expected` one, and remembers what it came behind.
    #[inline(never)]
    fn look_up(&mut self, scan: &mut Scan<'_>, expected: usize, before: Option<usize>) -> Scanned<usize> {
        scan.peek();
        if self.known[expected].pattern.take(scan) {
            return Ok(expected);
        }
        let key = scan.key()?;
        let unescaped;
        let name = if key.escapes > 0 {
            unescaped = key.to_bytes();
            &unescaped[..]
        } else {
            key.raw
        };
        if *self.known[expected].name == *name && expected > 0 {
            return Ok(expected);
        }
        let number = self.numbers.get(name).copied();
        let number = number.unwrap_or_else(|| self.remember(name));
        match before {
            Some(before) => self.known[before].next = number,
            None => self.first = number,
        }
        Ok(number)
    }

    fn remember(&mut self, name: &[u8]) -> usize {
        // A key that is found by its pattern is not looked at again, so it must be UTF-8 for certain: the
        // record that it was first seen in may yet be refused.
        let fits = self.known.len() < MANY && name.len() <= LONG && name.is_ascii();
        if fits { self.add(name, Target::Unknown(0)) } else { 0 }
    }

    /// Adds what the objects had that is not declared; `path` is what stands before the names.
    pub fn observe(&self, path: &str, observed: &mut Observed) {
        for key in &self.known {
            let path = || format!("{path}{}", String::from_utf8_lossy(&key.name));
            match &key.target {
                Target::Unknown(seen) if *seen > 0 => {
                    *observed.unknown.entry(path()).or_default() += seen;
                }
                Target::Passed(passed) => {
                    passed.drift.observe(&path(), observed);
                    if let Some(inside) = &passed.inside {
                        inside.observe(&format!("{}.", path()), observed);
                    }
                }
                Target::Unknown(_) | Target::Column(_) => {}
            }
        }
    }
}

impl Passed {
    /// Passes over values of this type.
    pub fn new(kind: &Type) -> Self {
        let inside = match kind {
            Type::Struct(fields) => {
                Some(Keys::new(fields.iter().map(|field| (field, Target::Passed(Self::new(&field.kind))))))
            }
            _ => None,
        };
        Self { kind: kind.clone(), inside, drift: Drift::default() }
    }

    #[inline]
    fn read(&mut self, scan: &mut Scan<'_>, depth: usize) -> Scanned<()> {
        let first = scan.peek();
        let fits = match first {
            b'"' => {
                scan.text("a text")?;
                matches!(self.kind, Type::String | Type::Timestamp)
            }
            b'-' | b'0'..=b'9' => {
                scan.number()?;
                matches!(self.kind, Type::Int | Type::BigInt | Type::Double | Type::Timestamp)
            }
            _ => self.read_other(scan, first, depth)?,
        };
        if !fits {
            self.drift.note(first);
        }
        Ok(())
    }

    #[inline(never)]
    fn read_other(&mut self, scan: &mut Scan<'_>, first: u8, depth: usize) -> Scanned<bool> {
        match (&self.kind, first, &mut self.inside) {
            (Type::Struct(_), b'{', Some(inside)) if depth < MAX_DEPTH => {
                inside.read(&mut [], scan, depth + 1)?;
                return Ok(true);
            }
            _ => scan.skip(depth)?,
        }
        let right = match self.kind {
            Type::Boolean => matches!(first, b't' | b'f'),
            Type::Map(_) => first == b'{',
            _ => false,
        };
        Ok(right || first == b'n')
    }
}

/// `"key":` as it stands in most documents.
#[derive(Debug, Clone, Copy)]
struct Pattern {
    bytes: [u64; WORDS],
    mask: [u64; WORDS],
    length: usize,
}

impl Pattern {
    /// The pattern that nothing has.
    const NEVER: Self = Self { bytes: [1; WORDS], mask: [0; WORDS], length: 0 };

    fn of(name: &[u8]) -> Self {
        let length = name.len() + 3;
        if length > 8 * WORDS || name.iter().any(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
            return Self::NEVER;
        }
        let mut bytes = [0; 8 * WORDS];
        bytes[0] = b'"';
        bytes[1..length - 2].copy_from_slice(name);
        bytes[length - 2..length].copy_from_slice(b"\":");
        let mut mask = [0; 8 * WORDS];
        mask[..length].fill(0xFF);
        Self { bytes: words(&bytes), mask: words(&mask), length }
    }

    /// Takes the key and its colon if they come next.
    #[inline]
    fn take(&self, scan: &mut Scan<'_>) -> bool {
        let Some(chunk) = scan.chunk() else { return false };
        let mut differs = 0;
        for ((word, mask), own) in words(chunk).into_iter().zip(self.mask).zip(self.bytes) {
            differs |= word & mask ^ own;
        }
        let found = differs == 0;
        scan.pass(if found { self.length } else { 0 });
        found
    }
}

#[inline]
fn words(bytes: &[u8; 8 * WORDS]) -> [u64; WORDS] {
    let (chunks, _) = bytes.as_chunks();
    std::array::from_fn(|at| u64::from_le_bytes(chunks[at]))
}
