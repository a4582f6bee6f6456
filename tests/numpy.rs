//! Arrays in NumPy's files: every type and order is read, what is written comes back, hostile bytes never panic.
#![cfg(feature = "numpy")]

use colorjet::numpy::{self, Npz};
use colorjet::{ErrorKind, Pattern};
use ndarray::{ArrayD, IxDyn, array};
use proptest::prelude::*;
use std::fs;
use std::path::PathBuf;

/// A path of its own for each test, in a folder that is there.
fn path(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("numpy");
    fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

/// A file by hand, as NumPy writes it.
fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let padded = format!("{header:<117}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((padded.len() as u16).to_le_bytes());
    file.extend(padded.as_bytes());
    file.extend(data);
    file
}

fn header(descr: &str, fortran: bool, shape: &str) -> String {
    let fortran = if fortran { "True" } else { "False" };
    format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}")
}

fn refused(bytes: &[u8], kind: ErrorKind) {
    let error = numpy::read_bytes(bytes).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
}

#[test]
fn every_type_and_byte_order() {
    macro_rules! check {
        ($($type:ty => $name:literal),*) => {$(
            let numbers: [$type; 3] = [1 as $type, 2 as $type, 100 as $type];
            let little: Vec<u8> = numbers.iter().flat_map(|v| v.to_le_bytes()).collect();
            let big: Vec<u8> = numbers.iter().flat_map(|v| v.to_be_bytes()).collect();
            let mark = if size_of::<$type>() == 1 { ["|", "|"] } else { ["<", ">"] };
            for (mark, data) in mark.into_iter().zip([little, big]) {
                let file = npy(&header(&format!("{mark}{}", $name), false, "(3,)"), &data);
                let expected = array![1.0, 2.0, 100.0].into_dyn();
                assert_eq!(numpy::read_bytes(&file).unwrap(), expected, "{mark}{}", $name);
            }
        )*};
    }
    check!(f64 => "f8", f32 => "f4", i8 => "i1", i16 => "i2", i32 => "i4", i64 => "i8",
           u8 => "u1", u16 => "u2", u32 => "u4", u64 => "u8");
    // Halves: 1, −2, 100.
    let little = npy(&header("<f2", false, "(3,)"), &[0x00, 0x3c, 0x00, 0xc0, 0x40, 0x56]);
    assert_eq!(numpy::read_bytes(&little).unwrap(), array![1.0, -2.0, 100.0].into_dyn());
    let big = npy(&header(">f2", true, "(3, 1)"), &[0x3c, 0x00, 0xc0, 0x00, 0x56, 0x40]);
    assert_eq!(numpy::read_bytes(&big).unwrap(), array![[1.0], [-2.0], [100.0]].into_dyn());
    assert_eq!(numpy::read_bytes(&npy(&header("|b1", false, "(2,)"), &[0, 1])).unwrap(), array![0.0, 1.0].into_dyn());
}

#[test]
fn orders_and_shapes() {
    let data: Vec<u8> = (1..=6u8).collect();
    let c = numpy::read_bytes(&npy(&header("|u1", false, "(2, 3)"), &data)).unwrap();
    assert_eq!(c, array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]].into_dyn());
    let f = numpy::read_bytes(&npy(&header("|u1", true, "(2, 3)"), &data)).unwrap();
    assert_eq!(f, array![[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]].into_dyn());
    let scalar = numpy::read_bytes(&npy(&header("|u1", false, "()"), &[7])).unwrap();
    assert_eq!(scalar, ArrayD::from_elem(IxDyn(&[]), 7.0));
    let empty = numpy::read_bytes(&npy(&header("<f8", false, "(0, 3)"), &[])).unwrap();
    assert_eq!(empty.shape(), [0, 3]);
}

#[test]
fn hostile_headers_are_refused_before_memory_is_asked_for() {
    let huge = 1u64 << 60;
    refused(&npy(&header("<f8", false, &format!("({huge},)")), &[0; 64]), ErrorKind::TooLarge);
    refused(&npy(&header("<f8", false, &format!("({huge}, {huge}, {huge})")), &[]), ErrorKind::TooLarge);
    refused(&npy(&header("<f8", false, &format!("(0, {huge}, {huge})")), &[]), ErrorKind::TooLarge);
    refused(&npy(&header("<f8", false, "(99999999999999999999999999,)"), &[]), ErrorKind::Format);
    refused(&npy(&header("<f8", false, "(-1,)"), &[]), ErrorKind::Format);
    // A gigabyte fits into memory, but is not in the file.
    refused(&npy(&header("|u1", false, "(134217728,)"), &[0; 64]), ErrorKind::Format);
    refused(&npy(&header("<f8", false, "(2,)"), &[0; 17]), ErrorKind::Format);
    refused(&npy(&header("<f2", false, "(2,)"), &[0; 3]), ErrorKind::Format);
    refused(&npy(&header("<c16", false, "(1,)"), &[0; 16]), ErrorKind::Unsupported);
    refused(&npy(&header("|S3", false, "(1,)"), b"csr"), ErrorKind::Unsupported);
    refused(&npy(&header("|O", false, "(1,)"), &[0; 8]), ErrorKind::Unsupported);
    refused(&npy(&header("<f18446744073709551615", false, "(2,)"), &[0; 8]), ErrorKind::TooLarge);
    refused(&npy(&header("|f0", false, "(2,)"), &[]), ErrorKind::Unsupported);
    refused(&npy(&header("é", false, "(2,)"), &[]), ErrorKind::Format);
    refused(&npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}", &[0; 8]), ErrorKind::Unsupported);
    // The parser of headers must not be led into the depth.
    let nested = |bracket: &str| {
        let text = bracket.repeat(9_000);
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((text.len() as u16).to_le_bytes());
        file.extend(text.as_bytes());
        file
    };
    for bracket in ["(", "[", "{"] {
        refused(&nested(bracket), ErrorKind::Unsupported);
    }
    refused(&nested("-"), ErrorKind::Format);
    refused(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}", ErrorKind::Format);
    refused(b"\x93NUMPY\x01", ErrorKind::Format);
    refused(b"\x93NUMPY\x09\x00\x02\x00\x00\x00{}", ErrorKind::Format);
    refused(b"", ErrorKind::Format);
}

#[test]
fn files_are_named() {
    let error = numpy::read("no/such.npy").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("no/such.npy"), "{error}");
    let error = numpy::write("no/such/folder.npy", array![1.0].into_dyn().view()).unwrap_err();
    assert!(error.to_string().contains("no/such/folder.npy"), "{error}");
}

#[test]
fn sparse_values_come_back_sparse_and_dense() {
    let p = Pattern::from_rows(3, [vec![0, 2], vec![], vec![1]]).unwrap();
    let one = array![1.0, 2.0, 3.0].into_dyn();
    let file = path("one.npz");
    numpy::write_sparse(&file, &p, one.view()).unwrap();
    let mut npz = Npz::open(&file).unwrap();
    assert_eq!(npz.names(), ["indices", "indptr", "shape", "data", "format"]);
    assert_eq!(npz.array("indices").unwrap(), array![0.0, 2.0, 1.0].into_dyn());
    assert_eq!(npz.array("indptr").unwrap(), array![0.0, 2.0, 2.0, 3.0].into_dyn());
    assert_eq!(npz.array("shape").unwrap(), array![3.0, 3.0].into_dyn());
    assert_eq!(npz.array("data").unwrap(), one);
    assert_eq!(npz.array("format").unwrap_err().kind(), ErrorKind::Unsupported);
    let error = npz.array("x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Dangling);
    assert!(error.to_string().contains("one.npz\", array \"x\""), "{error}");

    let batch = array![[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_dyn();
    let file = path("batch.npz");
    numpy::write_sparse(&file, &p, batch.view()).unwrap();
    let mut npz = Npz::open(&file).unwrap();
    assert_eq!(npz.names(), ["indices", "indptr", "shape", "data"], "nothing that SciPy takes for a matrix");
    assert_eq!(npz.array("data").unwrap(), batch.mapv(f64::from));

    let file = path("dense.npy");
    numpy::write_dense(&file, &p, one.view()).unwrap();
    assert_eq!(numpy::read(&file).unwrap(), array![[1.0, 0.0, 2.0], [0.0, 0.0, 0.0], [0.0, 3.0, 0.0]].into_dyn());
    numpy::write_dense(&file, &p, batch.view()).unwrap();
    let dense = numpy::read(&file).unwrap();
    assert_eq!(dense.shape(), [2, 3, 3]);
    assert_eq!(dense[[1, 2, 1]], 6.0);

    let error = numpy::write_sparse(&file, &p, array![1.0].into_dyn().view()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Shape);
    let wide = Pattern::from_rows(u32::MAX as usize, vec![[0]; 1 << 20]).unwrap();
    let ones = ArrayD::from_elem(IxDyn(&[1 << 20]), 1.0);
    let error = numpy::write_dense(&file, &wide, ones.view()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
}

/// A kilobyte that unpacks to 64 MiB of zeros behind a header that announces two numbers.
#[test]
fn an_archive_unpacks_to_no_more_than_announced() {
    use std::io::{Cursor, Write};
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    archive.start_file("bomb.npy", options).unwrap();
    archive.write_all(&npy(&header("<f8", false, "(2,)"), &vec![0; 1 << 26])).unwrap();
    archive.start_file("claim.npy", options).unwrap();
    archive.write_all(&npy(&header("<f8", false, "(1152921504606846976,)"), &[0; 64])).unwrap();
    archive.start_file("good.npy", options).unwrap();
    archive.write_all(&npy(&header("<f8", false, "(1,)"), &1.5f64.to_le_bytes())).unwrap();
    let bytes = archive.finish().unwrap().into_inner();
    assert!(bytes.len() < 1 << 18);
    let mut npz = Npz::from_bytes(bytes).unwrap();
    assert_eq!(npz.array("bomb").unwrap_err().kind(), ErrorKind::Format);
    assert_eq!(npz.array("claim").unwrap_err().kind(), ErrorKind::TooLarge);
    assert_eq!(npz.array("good").unwrap(), array![1.5].into_dyn(), "compressed arrays are read");
}

proptest! {
    #[test]
    fn arrays_come_back(shape in prop::collection::vec(0usize..5, 0..4), seed in any::<u32>()) {
        let count: usize = shape.iter().product();
        let numbers = (0..count).map(|k| f64::from(seed) / 7.0 - k as f64).collect();
        let array = ArrayD::from_shape_vec(IxDyn(&shape), numbers).unwrap();
        let file = path("back.npy");
        numpy::write(&file, array.view()).unwrap();
        prop_assert_eq!(&numpy::read(&file).unwrap(), &array);
        let single = array.mapv(|v| v as f32);
        numpy::write(&file, single.view().reversed_axes()).unwrap();
        prop_assert_eq!(numpy::read(&file).unwrap(), single.mapv(f64::from).reversed_axes());
    }

    #[test]
    fn mutated_arrays_never_panic(
        changes in prop::collection::vec((0usize..140, any::<u8>()), 1..6),
        end in 0usize..160,
    ) {
        let mut file = npy(&header("<f4", true, "(2, 3)"), &[0; 24]);
        for (at, byte) in changes {
            file[at] = byte;
        }
        _ = numpy::read_bytes(&file);
        _ = numpy::read_bytes(&file[..end.min(file.len())]);
    }

    /// Only characters that headers are made of, so that the parser gets far.
    #[test]
    fn mutated_headers_never_panic(text in "[-0-9a-f'\"(){}\\[\\]:, <>|TFrue+j.\\\\]{0,60}") {
        _ = numpy::read_bytes(&npy(&text, &[0; 8]));
        _ = numpy::read_bytes(&npy(&header("<f8", false, &text), &[0; 8]));
    }

    #[test]
    fn mutated_archives_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        end in any::<prop::sample::Index>(),
    ) {
        let p = Pattern::from_rows(3, [vec![0, 2], vec![1]]).unwrap();
        let file = path("mutated.npz");
        numpy::write_sparse(&file, &p, array![1.0, 2.0, 3.0].into_dyn().view()).unwrap();
        let mut bytes = fs::read(&file).unwrap();
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        let short = bytes[..end.index(bytes.len())].to_vec();
        for bytes in [bytes, short] {
            let Ok(mut npz) = Npz::from_bytes(bytes) else { continue };
            for name in npz.names() {
                _ = npz.array(&name);
            }
        }
    }
}
