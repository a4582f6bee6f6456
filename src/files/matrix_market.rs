//! MatrixMarket files, of which only the structure is read.
//!
//! All kinds are read: `coordinate` and `array`; `real`, `integer`, `complex` and `pattern`; `general`, `symmetric`,
//! `skew-symmetric` and `hermitian`. Words may be in any case, comments and blank lines anywhere after the first line.

use super::{place, read_file};
use crate::error::{Error, ErrorKind, Result, bail, ensure};
use crate::pattern::Pattern;
use std::path::Path;
use std::str;

/// Rows and columns that a file may claim for each of its bytes, before they have to be few.
const CLAIM: usize = 1 << 10;

/// Rows and columns that any file may claim.
const FEW: usize = 1 << 20;

impl Pattern {
    /// Reads the structure of the matrix in a MatrixMarket file.
    ///
    /// Entries that are stored with the value zero are left out, as published counts of colors have it. Of a
    /// symmetric, skew-symmetric or hermitian matrix both triangles are returned.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) if the file cannot be read; [`Format`](ErrorKind::Format), with the line, if it is
    /// truncated, malformed, or has an entry twice; [`OutOfRange`](ErrorKind::OutOfRange) for an index outside of the
    /// matrix; [`TooLarge`](ErrorKind::TooLarge) for more than 2³² − 1 rows or columns, or for more than both 2²⁰ and
    /// 1024 for each byte of the file, with which a small file could ask for any amount of memory.
    ///
    /// # Complexity
    /// O(bytes + nnz log nnz + rows) time, 12 bytes for each entry beside the result.
    pub fn load_matrix_market(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let load = || Self::from_matrix_market(&read_file(path)?);
        load().map_err(|e| e.within(place(path)))
    }

    /// Reads the structure of a matrix from the contents of a MatrixMarket file.
    ///
    /// # Errors
    /// As [`load_matrix_market`](Self::load_matrix_market), without [`Io`](ErrorKind::Io).
    ///
    /// ```
    /// use colorjet::Pattern;
    /// let text = b"%%MatrixMarket matrix coordinate real symmetric\n3 3 3\n1 1 2.5\n3 1 -1\n2 2 0\n";
    /// let p = Pattern::from_matrix_market(text)?;
    /// assert_eq!((p.row(0), p.row(1), p.row(2)), (&[0, 2][..], &[][..], &[0][..]));
    /// # Ok::<(), colorjet::Error>(())
    /// ```
    pub fn from_matrix_market(bytes: &[u8]) -> Result<Self> {
        let mut lines = Lines { rest: bytes, number: 0 };
        let kind = lines.banner()?;
        let (mut entries, [rows, cols]) = match kind.format {
            Format::Coordinate => coordinate(&kind, &mut lines, bytes.len())?,
            Format::Array => array(&kind, &mut lines, bytes.len())?,
        };
        if let Some(line) = lines.next() {
            return Err(Error::new(ErrorKind::Format, "there is more than announced").within(line.place()));
        }
        // By line last, so that of two equal entries the second one is named.
        entries.sort_unstable_by_key(|e| (e.row, e.col, e.line));
        let twice = entries.windows(2).find(|pair| (pair[0].row, pair[0].col) == (pair[1].row, pair[1].col));
        if let Some([_, second]) = twice {
            let message = format!("entry ({}, {}) is there already", second.row + 1, second.col + 1);
            return Err(Error::new(ErrorKind::Format, message).within(format!("line {}", second.line)));
        }
        let mut indptr = vec![0; rows + 1];
        entries.iter().for_each(|e| indptr[e.row as usize + 1] += 1);
        (0..rows).for_each(|i| indptr[i + 1] += indptr[i]);
        Ok(Pattern::from_sorted_parts(cols, indptr, entries.into_iter().map(|e| e.col).collect()))
    }
}

/// An entry of the result, and the line it came from.
struct Entry {
    row: u32,
    col: u32,
    line: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Coordinate,
    Array,
}

#[derive(Clone, Copy, PartialEq)]
enum Field {
    Real,
    Integer,
    Complex,
    Pattern,
}

#[derive(Clone, Copy, PartialEq)]
enum Symmetry {
    General,
    Symmetric,
    SkewSymmetric,
    Hermitian,
}

/// What the first line says.
struct Banner {
    format: Format,
    field: Field,
    symmetry: Symmetry,
}

impl Banner {
    fn parse(line: &Line<'_>) -> Result<Self> {
        let lower: Vec<String> = line.words()?.map(str::to_ascii_lowercase).collect();
        let words: Vec<&str> = lower.iter().map(String::as_str).collect();
        ensure!(words.first() == Some(&"%%matrixmarket"), Format, "not a MatrixMarket file");
        let &[_, object, format, field, symmetry] = &words[..] else {
            bail!(Format, "the first line has {} words, not five", words.len());
        };
        ensure!(object == "matrix", Unsupported, "it holds a {object:?}, not a matrix");
        let format = match format {
            "coordinate" => Format::Coordinate,
            "array" => Format::Array,
            other => bail!(Format, "{other:?} is not coordinate or array"),
        };
        let field = match field {
            "real" | "double" => Field::Real,
            "integer" => Field::Integer,
            "complex" => Field::Complex,
            "pattern" => Field::Pattern,
            other => bail!(Format, "{other:?} is not real, integer, complex or pattern"),
        };
        let symmetry = match symmetry {
            "general" => Symmetry::General,
            "symmetric" => Symmetry::Symmetric,
            "skew-symmetric" => Symmetry::SkewSymmetric,
            "hermitian" => Symmetry::Hermitian,
            other => bail!(Format, "{other:?} is not general, symmetric, skew-symmetric or hermitian"),
        };
        if field == Field::Pattern {
            ensure!(format == Format::Coordinate, Format, "a pattern has no values that an array could hold");
            let signed = matches!(symmetry, Symmetry::SkewSymmetric | Symmetry::Hermitian);
            ensure!(!signed, Format, "a pattern has no values that could change their sign");
        }
        Ok(Banner { format, field, symmetry })
    }

    /// Whether the value in these words is not zero; a pattern has no value, and all its entries count.
    fn is_nonzero<'a>(&self, words: impl Iterator<Item = &'a str>) -> Result<bool> {
        let words: Vec<&str> = words.collect();
        let (count, check): (_, fn(&str) -> Result<bool>) = match self.field {
            Field::Pattern => return if words.is_empty() { Ok(true) } else { Err(misfit(0, words.len())) },
            Field::Real => (1, real),
            Field::Complex => (2, real),
            Field::Integer => (1, integer),
        };
        ensure_count(count, words.len())?;
        words.iter().try_fold(false, |nonzero, word| Ok(check(word)? || nonzero))
    }

    /// Checks the sizes that the file claims.
    fn check_sizes(&self, [rows, cols]: [usize; 2], bytes: usize) -> Result<()> {
        let square = self.symmetry == Symmetry::General || rows == cols;
        ensure!(square, Format, "a matrix of {rows}×{cols} cannot be symmetric");
        let most = bytes.saturating_mul(CLAIM).max(FEW).min(u32::MAX as usize);
        let claimed = rows.max(cols);
        ensure!(claimed <= most, TooLarge, "{rows}×{cols} is too much for a file of {bytes} bytes");
        Ok(())
    }

    /// Keeps an entry, and its mirror image if there is one.
    fn keep(&self, entries: &mut Vec<Entry>, [row, col]: [u32; 2], line: u32) -> Result<()> {
        if row == col {
            ensure!(self.symmetry != Symmetry::SkewSymmetric, Format, "a skew-symmetric matrix has no diagonal");
        } else if self.symmetry != Symmetry::General {
            entries.push(Entry { row: col, col: row, line });
        }
        entries.push(Entry { row, col, line });
        Ok(())
    }
}

/// A list of entries, each on a line of its own.
fn coordinate(banner: &Banner, lines: &mut Lines<'_>, bytes: usize) -> Result<(Vec<Entry>, [usize; 2])> {
    let sizes = lines.sized("rows, columns and entries", |line| {
        let [rows, cols, count] = line.sizes()?;
        banner.check_sizes([rows, cols], bytes)?;
        Ok([rows, cols, count])
    });
    let [rows, cols, count] = sizes?;
    let mut entries = Vec::new();
    for k in 0..count {
        let Some(line) = lines.next() else {
            return Err(lines.ends_early(format!("after {k} of {count} entries")));
        };
        let mut read = || {
            let mut words = line.words()?;
            let row = index("row", words.next(), rows)?;
            let col = index("column", words.next(), cols)?;
            if banner.is_nonzero(words)? { banner.keep(&mut entries, [row, col], line.number) } else { Ok(()) }
        };
        read().map_err(|e: Error| e.within(line.place()))?;
    }
    Ok((entries, [rows, cols]))
}

/// All values, column after column; of a symmetric matrix those on and below the diagonal.
fn array(banner: &Banner, lines: &mut Lines<'_>, bytes: usize) -> Result<(Vec<Entry>, [usize; 2])> {
    let sizes = lines.sized("rows and columns", |line| {
        let [rows, cols] = line.sizes()?;
        banner.check_sizes([rows, cols], bytes)?;
        Ok([rows, cols])
    });
    let [rows, cols] = sizes?;
    let first_row = |col| match banner.symmetry {
        Symmetry::General => 0,
        Symmetry::Symmetric | Symmetry::Hermitian => col,
        Symmetry::SkewSymmetric => col + 1,
    };
    let mut entries = Vec::new();
    for col in 0..cols {
        for row in first_row(col)..rows {
            let Some(line) = lines.next() else {
                return Err(lines.ends_early(format!("before entry ({}, {})", row + 1, col + 1)));
            };
            let mut read = || {
                let nonzero = banner.is_nonzero(line.words()?)?;
                if nonzero { banner.keep(&mut entries, [row as u32, col as u32], line.number) } else { Ok(()) }
            };
            read().map_err(|e: Error| e.within(line.place()))?;
        }
    }
    Ok((entries, [rows, cols]))
}

/// Whether a real number is not zero; the exponent may be written as in Fortran.
fn real(word: &str) -> Result<bool> {
    let value: Result<f64, _> = word.parse().or_else(|_| word.replace(['d', 'D'], "e").parse());
    match value {
        Ok(value) => Ok(value != 0.0),
        Err(_) => bail!(Format, "{word:?} is no number"),
    }
}

/// Whether a whole number, of any length, is not zero.
fn integer(word: &str) -> Result<bool> {
    let digits = word.strip_prefix(['+', '-']).unwrap_or(word);
    let whole = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    ensure!(whole, Format, "{word:?} is no whole number");
    Ok(digits.bytes().any(|b| b != b'0'))
}

/// An index, counted from one in the file and from zero in the result.
fn index(what: &str, word: Option<&str>, size: usize) -> Result<u32> {
    let Some(word) = word else { bail!(Format, "there is no {what}") };
    let Ok(index) = word.parse::<u64>() else { bail!(Format, "{what} {word:?} is no whole number") };
    let within = index >= 1 && index <= size as u64;
    ensure!(within, OutOfRange, "{what} {index} of a matrix with {what}s 1 to {size}");
    Ok((index - 1) as u32)
}

fn ensure_count(wanted: usize, found: usize) -> Result<()> {
    if wanted == found { Ok(()) } else { Err(misfit(wanted, found)) }
}

fn misfit(wanted: usize, found: usize) -> Error {
    Error::new(ErrorKind::Format, format!("numbers of the value: {found}, where {wanted} are expected"))
}

/// A line, without what ends it.
struct Line<'a> {
    text: &'a [u8],
    number: u32,
}

impl<'a> Line<'a> {
    fn place(&self) -> String {
        format!("line {}", self.number)
    }

    fn words(&self) -> Result<impl Iterator<Item = &'a str> + use<'a>> {
        match str::from_utf8(self.text) {
            Ok(text) => Ok(text.split_ascii_whitespace()),
            Err(_) => bail!(Format, "it is not text"),
        }
    }

    fn sizes<const N: usize>(&self) -> Result<[usize; N]> {
        let words: Vec<&str> = self.words()?.collect();
        let sizes: Result<Vec<usize>, _> = words.iter().map(|word| word.parse()).collect();
        match sizes.ok().and_then(|sizes| sizes.try_into().ok()) {
            Some(sizes) => Ok(sizes),
            None => bail!(Format, "{N} sizes are expected, not {:?}", words.join(" ")),
        }
    }
}

/// The lines of a file that mean something.
struct Lines<'a> {
    rest: &'a [u8],
    number: u32,
}

impl<'a> Lines<'a> {
    /// The very first line.
    fn banner(&mut self) -> Result<Banner> {
        let line = self.any().unwrap_or(Line { text: b"", number: 1 });
        Banner::parse(&line).map_err(|e| e.within(line.place()))
    }

    /// The line of the sizes.
    fn sized<V>(&mut self, what: &str, read: impl FnOnce(&Line<'_>) -> Result<V>) -> Result<V> {
        let Some(line) = self.next() else {
            return Err(self.ends_early(format!("before the numbers of {what}")));
        };
        read(&line).map_err(|e| e.within(line.place()))
    }

    fn ends_early(&self, when: String) -> Error {
        Error::new(ErrorKind::Format, format!("the file ends {when}")).within(format!("line {}", self.number))
    }

    /// The next line, whatever it holds.
    fn any(&mut self) -> Option<Line<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|&b| b == b'\n');
        let text = &self.rest[..end.unwrap_or(self.rest.len())];
        self.rest = end.map_or(&[], |end| &self.rest[end + 1..]);
        self.number = self.number.saturating_add(1);
        Some(Line { text: text.trim_ascii(), number: self.number })
    }
}

/// Comments and blank lines are skipped.
impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        loop {
            let line = self.any()?;
            if !line.text.is_empty() && !line.text.starts_with(b"%") {
                return Some(line);
            }
        }
    }
}
