//! MatrixMarket files: every dialect is read, everything else refused with its line; hostile bytes never panic.

use colorjet::{ErrorKind, Pattern};
use proptest::prelude::*;
use std::fs;
use std::path::PathBuf;

fn read(text: &str) -> Pattern {
    Pattern::from_matrix_market(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn entries(p: &Pattern) -> Vec<(usize, u32)> {
    (0..p.rows()).flat_map(|i| p.row(i).iter().map(move |&j| (i, j))).collect()
}

fn refused(text: &str, kind: ErrorKind, words: &str) {
    let error = Pattern::from_matrix_market(text.as_bytes()).expect_err(text);
    assert_eq!(error.kind(), kind, "{text}: {error}");
    assert!(error.to_string().contains(words), "{text}: {error}");
}

#[test]
fn coordinate_files() {
    let p =
        read("%%MatrixMarket matrix coordinate real general\n% words\n\n3 4 4\n3 1 1.5\n1 4 -2d+0\n1 2 .5\n2 2 0.0\n");
    assert_eq!((p.rows(), p.cols()), (3, 4));
    assert_eq!(entries(&p), [(0, 1), (0, 3), (2, 0)], "a stored zero does not count");
    let p = read("%%MATRIXMARKET Matrix Coordinate PATTERN General\r\n2 2 1\r\n\r\n%c\r\n2 1\r\n");
    assert_eq!(entries(&p), [(1, 0)]);
    let p =
        read("%%MatrixMarket matrix coordinate integer general\n2 2 3\n1 1 +0\n1 2 -7\n2 2 99999999999999999999999\n");
    assert_eq!(entries(&p), [(0, 1), (1, 1)]);
    let p = read("%%MatrixMarket matrix coordinate complex general\n2 2 3\n1 1 0 0\n1 2 0 1\n2 2 inf nan\n");
    assert_eq!(entries(&p), [(0, 1), (1, 1)]);
    let p = read("%%MatrixMarket matrix coordinate pattern general\n0 0 0");
    assert_eq!((p.rows(), p.cols()), (0, 0));
}

#[test]
fn symmetries_are_unfolded() {
    for (kind, value) in [("pattern symmetric", ""), ("real symmetric", "2"), ("complex hermitian", "1 0")] {
        let p =
            read(&format!("%%MatrixMarket matrix coordinate {kind}\n3 3 3\n1 1 {value}\n3 1 {value}\n2 3 {value}\n"));
        assert_eq!(entries(&p), [(0, 0), (0, 2), (1, 2), (2, 0), (2, 1)], "{kind}");
    }
    let p = read("%%MatrixMarket matrix coordinate real skew-symmetric\n2 2 1\n2 1 3\n");
    assert_eq!(entries(&p), [(0, 1), (1, 0)]);
}

#[test]
fn arrays_go_column_by_column() {
    let p = read("%%MatrixMarket matrix array real general\n2 3\n1\n0\n0\n2\n3\n4\n");
    assert_eq!(entries(&p), [(0, 0), (0, 2), (1, 1), (1, 2)]);
    let p = read("%%MatrixMarket matrix array integer symmetric\n2 2\n0\n5\n6\n");
    assert_eq!(entries(&p), [(0, 1), (1, 0), (1, 1)]);
    let p = read("%%MatrixMarket matrix array complex skew-symmetric\n3 3\n1 0\n0 0\n0 -1\n");
    assert_eq!(entries(&p), [(0, 1), (1, 0), (1, 2), (2, 1)]);
}

#[test]
fn malformed_files_name_the_line() {
    use ErrorKind::{Format, OutOfRange, TooLarge, Unsupported};
    let general = |rest: &str| format!("%%MatrixMarket matrix coordinate real general\n{rest}");
    refused("", Format, "line 1");
    refused("hello\n", Format, "not a MatrixMarket file");
    refused("%%MatrixMarket matrix coordinate real\n1 1 0\n", Format, "line 1: the first line has 4 words");
    refused("%%MatrixMarket vector coordinate real general\n1 1 0\n", Unsupported, "line 1");
    refused("%%MatrixMarket matrix array pattern general\n1 1\n", Format, "line 1");
    refused("%%MatrixMarket matrix coordinate pattern skew-symmetric\n1 1 0\n", Format, "line 1");
    refused(&general(""), Format, "the file ends before");
    refused(&general("2 2\n"), Format, "line 2: 3 sizes");
    refused(&general("2 2 -1\n"), Format, "line 2");
    refused(&general("2 2 2\n1 1 1\n"), Format, "line 3: the file ends after 1 of 2 entries");
    refused(&general("2 2 1\n1 1 1\n2 2 1\n"), Format, "line 4: there is more than announced");
    refused(&general("2 2 1\n0 1 1\n"), OutOfRange, "line 3: row 0");
    refused(&general("2 2 1\n1 3 1\n"), OutOfRange, "line 3: column 3");
    refused(&general("2 2 1\n1\n"), Format, "line 3: there is no column");
    refused(&general("2 2 1\n1 1 x\n"), Format, "line 3: \"x\"");
    refused(&general("2 2 1\n1 1\n"), Format, "line 3");
    refused(&general("2 2 2\n1 1 1\n1 1 2\n"), Format, "line 4: entry (1, 1) is there already");
    refused("%%MatrixMarket matrix coordinate real symmetric\n2 3 0\n", Format, "line 2: a matrix of 2×3");
    refused("%%MatrixMarket matrix coordinate real symmetric\n2 2 2\n1 2 1\n2 1 1\n", Format, "line 4");
    refused("%%MatrixMarket matrix coordinate real skew-symmetric\n2 2 1\n1 1 1\n", Format, "line 3");
    refused("%%MatrixMarket matrix coordinate integer general\n1 1 1\n1 1 1.0\n", Format, "line 3");
    refused(&general("4294967295 4294967295 0\n"), TooLarge, "line 2");
    refused(&general("18446744073709551615 1 0\n"), TooLarge, "line 2");
    refused(&general("2 2 18446744073709551615\n1 1 1\n"), Format, "the file ends after 1");
    refused("%%MatrixMarket matrix array real general\n1048576 1048576\n1\n", Format, "before entry (2, 1)");
}

#[test]
fn a_missing_file_is_named() {
    let error = Pattern::load_matrix_market("no/such.mtx").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("no/such.mtx"), "{error}");
}

/// The files of a folder of the reference matrices, if they are there.
fn reference(folder: &str) -> Option<Vec<PathBuf>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/reference/matrices").join(folder);
    let Ok(found) = fs::read_dir(&folder) else {
        println!("skipped: {} is absent", folder.display());
        return None;
    };
    Some(found.map(|e| e.unwrap().path()).filter(|p| p.is_file()).collect())
}

#[test]
fn reference_dialects_are_read() {
    let Some(paths) = reference("format_variants") else { return };
    let mut shapes = Vec::new();
    for path in paths {
        let p = Pattern::load_matrix_market(&path).unwrap();
        shapes.push((path.file_name().unwrap().to_str().unwrap().to_owned(), p.rows(), p.cols(), p.nnz()));
    }
    shapes.sort();
    let expected = [
        ("complex.mtx", 3, 3, 9),
        ("empty.mtx", 3, 4, 0),
        ("full.mtx", 3, 3, 9),
        ("full_symmetric.mtx", 4, 4, 16),
        ("matrix_int32.mtx", 7, 7, 11),
        ("skew_fp64.mtx", 6, 6, 20),
        ("sprs_hermitian-int.mtx", 2, 2, 3),
        ("sprs_hermitian.mtx", 2, 2, 3),
        ("sprs_pattern.mm", 4, 4, 4),
        ("sprs_simple.mm", 5, 5, 8),
        ("sprs_simple.mtx", 2, 2, 3),
        ("sprs_simple_int.mm", 5, 5, 8),
        ("sprs_skew-symmetric.mtx", 2, 2, 2),
        ("sprs_symmetric.mm", 5, 5, 8),
        ("sprs_symmetric.mtx", 2, 2, 3),
        ("structure.mtx", 7, 7, 12),
    ];
    assert_eq!(shapes, expected.map(|(name, rows, cols, nnz)| (name.to_owned(), rows, cols, nnz)));
}

#[test]
fn reference_malformations_are_refused() {
    let Some(paths) = reference("malformed") else { return };
    assert_eq!(paths.len(), 20);
    for path in paths {
        let error = Pattern::load_matrix_market(&path).expect_err(&path.display().to_string());
        assert!(error.place().iter().any(|p| p.starts_with("line ")), "{error}");
    }
}

#[test]
fn reference_matrices_are_read() {
    let Some(paths) = reference(".") else { return };
    let read: Vec<Pattern> = paths
        .iter()
        .filter(|p| p.extension().is_some_and(|e| e == "mtx"))
        .map(|p| Pattern::load_matrix_market(p).unwrap())
        .collect();
    assert_eq!(read.len(), 23);
    assert!(read.iter().all(|p| p.nnz() > 0));
}

/// A small file of some dialect.
fn file() -> impl Strategy<Value = String> {
    let kinds = prop::sample::select(vec![
        "coordinate real general\n4 5 3\n1 1 1.5\n4 5 0\n2 3 -1e3\n",
        "coordinate pattern symmetric\n% c\n3 3 2\n1 1\n3 2\n",
        "coordinate complex hermitian\n3 3 2\n1 1 1 0\n3 2 1 1\n",
        "array integer skew-symmetric\n3 3\n1\n0\n2\n",
        "array real general\n2 2\n1\n0\n2\n3\n",
    ]);
    kinds.prop_map(|rest| format!("%%MatrixMarket matrix {rest}"))
}

proptest! {
    #[test]
    fn mutated_bytes_never_panic(
        text in file(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        end in any::<prop::sample::Index>(),
    ) {
        let mut bytes = text.into_bytes();
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        _ = Pattern::from_matrix_market(&bytes);
        _ = Pattern::from_matrix_market(&bytes[..end.index(bytes.len())]);
    }

    /// Digits keep a file parseable, so that sizes and indices are what is wrong.
    #[test]
    fn mutated_numbers_never_panic(text in file(), at in any::<prop::sample::Index>(), number in any::<u64>()) {
        let (banner, rest) = text.split_once('\n').unwrap();
        let mut words: Vec<String> = rest.split(' ').map(str::to_owned).collect();
        let at = at.index(words.len());
        words[at] = number.to_string();
        if let Ok(p) = Pattern::from_matrix_market(format!("{banner}\n{}", words.join(" ")).as_bytes()) {
            prop_assert!(p.rows() <= 1 << 20 && p.cols() <= 1 << 20);
        }
    }

    /// What is written as coordinates comes back.
    #[test]
    fn patterns_come_back(rows in prop::collection::vec(prop::collection::vec(0u32..7, 0..6), 0..8)) {
        let p = Pattern::from_rows(7, rows).unwrap();
        let mut text = format!("%%MatrixMarket matrix coordinate pattern general\n{} 7 {}\n", p.rows(), p.nnz());
        // Backwards: the order in the file does not matter.
        for (i, j) in entries(&p).into_iter().rev() {
            text.push_str(&format!("{} {}\n", i + 1, j + 1));
        }
        prop_assert_eq!(Pattern::from_matrix_market(text.as_bytes()).unwrap(), p);
    }
}
