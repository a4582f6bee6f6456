//! Text in pictures: how wide it is, how it is shortened and escaped, and how numbers are written.

/// Widths of the characters from ' ' to '~' in the embedded font, in hundredths of the size.
const WIDTHS: [u8; 95] = [
    26, 27, 41, 65, 57, 83, 73, 23, 30, 30, 55, 57, 27, 32, 27, 37, 57, 57, 57, 57, 57, 57, 57, 57, 57, 57, 27, 27, 57,
    57, 57, 43, 90, 64, 65, 63, 73, 56, 52, 73, 74, 34, 27, 62, 52, 91, 76, 78, 60, 78, 62, 55, 56, 73, 60, 93, 59, 57,
    57, 33, 37, 33, 57, 44, 58, 56, 62, 48, 62, 56, 34, 62, 62, 26, 26, 53, 26, 94, 62, 60, 62, 62, 41, 48, 36, 62, 51,
    79, 53, 51, 47, 38, 55, 38, 57,
];

/// Other fonts, and bold letters, are wider by at most about this.
const ROOM: f64 = 1.1;

/// About how wide a text of a size is, never much less than it really is.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let of = |c: char| match c {
        ' '..='~' => WIDTHS[c as usize - 32],
        // Ideographs are square; other scripts are about as wide as capitals.
        '\u{1100}'.. => 100,
        _ => 75,
    };
    text.chars().map(|c| f64::from(of(c))).sum::<f64>() / 100.0 * size * ROOM
}

/// The text itself if it fits, and otherwise its beginning and end: names often differ only in their ends.
pub(super) fn shorten(text: &str, size: f64, room: f64) -> String {
    // Far more letters than any box has room for need not be measured.
    if text.len() < 4096 && width(text, size) <= room {
        return text.to_owned();
    }
    let left = room - width("…", size);
    let take = |letters: &mut dyn Iterator<Item = char>, room: f64| {
        let mut used = 0.0;
        let fits = |c: &char| {
            used += width(c.encode_utf8(&mut [0; 4]), size);
            used <= room
        };
        letters.take_while(fits).collect::<String>()
    };
    let end: String = take(&mut text.chars().rev(), 0.45 * left).chars().rev().collect();
    let start = take(&mut text.chars(), left - width(&end, size));
    format!("{start}…{end}")
}

/// The text as XML: nothing of it is taken for markup, and what XML cannot hold is replaced.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\r' | '\t' => escaped.push(' '),
            // These would turn around the text that follows them.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => escaped.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// 1234567 as 1,234,567.
pub(super) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (k, digit) in digits.chars().enumerate() {
        if k > 0 && (digits.len() - k).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `3 entries`, `1 entry`.
pub(super) fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

/// A number with three significant digits.
pub(super) fn number(x: f64) -> String {
    if x == 0.0 {
        return "0".into();
    }
    // Rounded first: 0.9999 is 1.00, not 1.000.
    let scientific = format!("{x:.2e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("scientific notation has an exponent");
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    let text = match exponent.parse::<i32>().expect("an exponent is an integer") {
        e @ -3..=5 => trim(&format!("{x:.*}", (2 - e).max(0) as usize)),
        e => format!("{}e{e}", trim(mantissa)),
    };
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-2.5, "−2.5"),
            (0.001, "0.001"),
            (0.9999, "1"),
            (123456.0, "123456"),
            (1e6, "1e6"),
            (-1.234e-9, "−1.23e−9"),
            (f64::MAX, "1.8e308"),
            (5e-324, "4.94e−324"),
        ];
        for (x, text) in cases {
            assert_eq!(number(x), text, "{x:e}");
        }
        assert_eq!([0, 999, 1000, 1234567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn long_names_keep_their_ends_and_fit() {
        assert_eq!(shorten("short", 12.0, 200.0), "short");
        for text in ["a".repeat(300), "界".repeat(300), "x".repeat(100_000)] {
            let short = shorten(&text, 12.0, 100.0);
            assert!(width(&short, 12.0) <= 100.0 && short.contains('…') && short.chars().count() > 5);
        }
        assert!(shorten("model.layers.11.attention.out_proj.weight", 12.0, 130.0).ends_with("weight"));
        assert_eq!(shorten("name", 12.0, 0.0), "…");
    }

    #[test]
    fn nothing_is_taken_for_markup() {
        assert_eq!(escape("<a href=\"x\">&\u{0}\n"), "&lt;a href=&quot;x&quot;&gt;&amp;\u{fffd} ");
    }
}
