//! Bytes as text that a terminal can show: escaped, and never wider than asked.

use std::fmt::Write as _;

/// Bytes in quotes, at most so many columns; longer ones end with how many bytes they have.
pub(super) fn quoted(bytes: &[u8], width: usize) -> String {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.chars().any(is_odd));
    let mut out = String::from("\"");
    let tail = format!("…\" ({} bytes)", bytes.len());
    let room = width.saturating_sub(tail.chars().count() + 1).max(1);
    let mut columns = 0;
    // Where the text would be cut if the rest does not fit.
    let mut cut = 1;
    let pieces: Box<dyn Iterator<Item = String> + '_> = match text {
        Some(text) => Box::new(text.chars().map(escaped)),
        None => Box::new(bytes.iter().map(|byte| byte_escaped(*byte))),
    };
    for piece in pieces {
        let wide = piece.chars().count();
        if columns + wide <= room {
            cut = out.len() + piece.len();
        }
        columns += wide;
        out.push_str(&piece);
        if columns + 2 > width {
            out.truncate(cut);
            return out + &tail;
        }
    }
    out + "\""
}

/// Whether a character would upset a terminal even in escaped text, or take no column.
fn is_odd(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\r' | '\t')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn escaped(c: char) -> String {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' => c.escape_default().collect(),
        _ => c.to_string(),
    }
}

fn byte_escaped(byte: u8) -> String {
    let mut text = String::new();
    match byte {
        b'"' | b'\\' => {
            let _ = write!(text, "\\{}", char::from(byte));
        }
        0x20..=0x7e => text.push(char::from(byte)),
        _ => {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_readable_and_bytes_cannot_upset_a_terminal() {
        assert_eq!(quoted(b"plain", 40), "\"plain\"");
        assert_eq!(quoted("größer \"so\"\n".as_bytes(), 40), "\"größer \\\"so\\\"\\n\"");
        assert_eq!(quoted(b"\x1b[31mred", 40), "\"\\x1b[31mred\"");
        assert_eq!(quoted(&[0xff, 0, b'a'], 40), "\"\\xff\\x00a\"");
        assert_eq!(quoted("\u{202e}desrever".as_bytes(), 60).matches("\\x").count(), 3);
        assert_eq!(quoted(b"", 40), "\"\"");
    }

    #[test]
    fn what_is_too_wide_is_cut_and_says_how_long_it_is() {
        for length in 1..200 {
            for byte in [b'x', 0xff] {
                let text = quoted(&vec![byte; length], 40);
                assert!(text.chars().count() <= 40, "{} columns: {text}", text.chars().count());
                assert!(text.ends_with('"') || text.ends_with(&format!("({length} bytes)")), "{text}");
            }
        }
    }
}
