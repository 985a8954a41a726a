//! Keys from the bytes that a terminal sends for them.

/// A key that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// To the first row.
    Home,
    /// To the last row.
    End,
    /// Into what is selected.
    Enter,
    /// Back.
    Escape,
    /// To what is next.
    Tab,
    /// Back by a letter.
    Backspace,
    /// ctrl-C or ctrl-D.
    Quit,
    /// Any other.
    Letter(char),
}

/// What the bytes of special keys are, the longer ones first.
const SPECIAL: [(&str, Key); 22] = [
    ("\x1b[1~", Key::Home),
    ("\x1b[7~", Key::Home),
    ("\x1b[4~", Key::End),
    ("\x1b[8~", Key::End),
    ("\x1b[5~", Key::PageUp),
    ("\x1b[6~", Key::PageDown),
    ("\x1b[A", Key::Up),
    ("\x1b[B", Key::Down),
    ("\x1b[H", Key::Home),
    ("\x1b[F", Key::End),
    ("\x1bOA", Key::Up),
    ("\x1bOB", Key::Down),
    ("\x1bOH", Key::Home),
    ("\x1bOF", Key::End),
    ("\x1b", Key::Escape),
    ("\r", Key::Enter),
    ("\n", Key::Enter),
    ("\t", Key::Tab),
    ("\x7f", Key::Backspace),
    ("\x08", Key::Backspace),
    ("\x03", Key::Quit),
    ("\x04", Key::Quit),
];

/// The keys in what was read at once. An escape with nothing known behind it is the key of that name.
pub fn keys(bytes: &[u8]) -> Vec<Key> {
    let text = String::from_utf8_lossy(bytes);
    let (mut rest, mut keys) = (&*text, Vec::new());
    while let Some(letter) = rest.chars().next() {
        if let Some((sequence, key)) = SPECIAL.iter().find(|(sequence, _)| rest.starts_with(sequence)) {
            keys.push(*key);
            rest = &rest[sequence.len()..];
            continue;
        }
        if !letter.is_control() {
            keys.push(Key::Letter(letter));
        }
        rest = &rest[letter.len_utf8()..];
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_by_their_bytes() {
        let expected = [
            Key::Letter('j'),
            Key::Up,
            Key::PageDown,
            Key::Enter,
            Key::Letter('é'),
            Key::Tab,
            Key::Quit,
            Key::Escape,
        ];
        assert_eq!(keys("j\x1b[A\x1b[6~\ré\t\x03\x1b".as_bytes()), expected);
        assert_eq!(keys(b"\x00\x01"), []);
    }
}
