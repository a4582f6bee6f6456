//! Networks from the arrays of an `.npz`: the same as built by hand, or an error that names the array.

#![cfg(feature = "numpy")]

#[path = "support/random.rs"]
mod random;
#[path = "support/weights.rs"]
mod weights;

use colorjet::{Activation, ErrorKind, LoadOptions, Network};
use ndarray::{Array1, Array2, ArrayD};
use proptest::prelude::*;
use safetensors::Dtype;
use std::fs;
use std::io::{Cursor, Write};
use std::process::Command;
use weights::{NAMES, assert_same, bytes_of, folder, load, perceptron, perceptron_chain};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The bytes of an array with the given header.
fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn archive(files: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn header(descr: &str, fortran: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n")
}

fn shape_text(shape: &[usize]) -> String {
    format!("({})", shape.iter().map(|axis| format!("{axis},")).collect::<String>())
}

/// The three layers in six kinds of arrays, as Julia, NumPy and others write them.
fn perceptron_npz(method: CompressionMethod) -> Vec<u8> {
    let tensors = perceptron();
    let little = |array: &ArrayD<f64>, dtype| array.iter().flat_map(|&v| bytes_of(v, dtype)).collect::<Vec<u8>>();
    let big = |array: &ArrayD<f64>| array.iter().flat_map(|v| v.to_be_bytes()).collect::<Vec<u8>>();
    let turned = tensors[2].t().as_standard_layout().into_owned();
    let arrays = [
        ("<f8", "True", little(&tensors[0].t().as_standard_layout().into_owned(), Dtype::F64)),
        ("<f4", "False", little(&tensors[1], Dtype::F32)),
        (">f8", "True", big(&turned)),
        ("<f2", "False", little(&tensors[3], Dtype::F16)),
        (">f8", "False", big(&tensors[4])),
    ];
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for ((name, tensor), (descr, fortran, data)) in NAMES.iter().zip(&tensors).zip(&arrays) {
        files.push((format!("{name}.npy"), npy(&header(descr, fortran, &shape_text(tensor.shape())), data)));
    }
    files.push(("net.3.num_batches_tracked.npy".into(), npy(&header("<i8", "False", "()"), &[0; 8])));
    let files: Vec<(&str, Vec<u8>)> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    archive(&files, method)
}

#[test]
fn arrays_of_every_order_and_precision() {
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let net = load(&perceptron_npz(method), "mlp tanh; output sin").unwrap();
        assert_same(&net, &perceptron_chain(&Activation::Tanh, Some(Activation::Sin)));
    }
}

#[test]
fn hostile_archives_are_refused_before_anything_is_allocated() {
    use ErrorKind::*;
    let method = CompressionMethod::Deflated;
    let one = |header: &str, data: &[u8]| archive(&[("0.weight.npy", npy(header, data))], method);
    let refused = |file: &[u8], kinds: &[ErrorKind]| {
        let error = load(file, "mlp tanh").expect_err("a hostile archive");
        assert!(kinds.contains(&error.kind()), "{error:?} is none of {kinds:?}");
        assert!(error.to_string().contains("\"0.weight\""), "{error}");
    };
    let claims = |shape: &str| one(&header("<f4", "False", shape), &[0; 16]);
    load(&claims("(2, 2)"), "mlp tanh").unwrap();
    refused(&claims("(1152921504606846976,)"), &[TooLarge]);
    refused(&claims("(4294967296, 4294967296, 16)"), &[TooLarge]);
    refused(&claims("(0, 1152921504606846976)"), &[TooLarge, Format]);
    refused(&claims("(99999999999999999999,)"), &[TooLarge, Format]);
    for shape in ["(-1, 2)", "(2, 3)", "(2, 1)", "(1,"] {
        refused(&claims(shape), &[Format]);
    }
    refused(&one(&"[".repeat(20_000), &[]), &[Format]);
    refused(&one(&"{'descr': ".repeat(900), &[]), &[Format, Unsupported]);
    refused(&one(&header("<f4", "Maybe", "(2, 2)"), &[0; 16]), &[Format]);
    refused(&one(&header("é", "False", "(2, 1)"), &[0; 16]), &[Format, Unsupported]);
    refused(&one(&header("<c16", "False", "(1, 1)"), &[0; 16]), &[Unsupported]);
    let records = "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (4,), }";
    refused(&one(records, &[0; 16]), &[Unsupported]);
    // 64 MiB of zeros in few bytes are not unpacked for the eight that are claimed.
    let bomb = one(&header("<f8", "False", "(1, 1)"), &vec![0; 1 << 26]);
    assert!(bomb.len() < 1 << 17);
    refused(&bomb, &[Format]);
    for bytes in [Vec::new(), vec![0; 64], vec![0x93; 64]] {
        refused(&archive(&[("0.weight.npy", bytes)], CompressionMethod::Stored), &[Format]);
    }
    assert_eq!(load(b"PK", "mlp tanh").unwrap_err().kind(), Format);
}

#[test]
fn every_truncation_is_refused() {
    let bytes = perceptron_npz(CompressionMethod::Deflated);
    for length in 2..bytes.len() {
        let error = load(&bytes[..length], "mlp tanh").expect_err("a part of a file");
        assert_eq!(error.kind(), ErrorKind::Format, "{length}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_mutation_panics(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            let mut file = perceptron_npz(method);
            for (place, byte) in &changes {
                let place = place.index(file.len());
                file[place] = *byte;
            }
            _ = load(&file, "mlp tanh");
        }
    }

    #[test]
    fn no_header_panics(text in "\\{'descr': ?'[<>|=]?[fibV][248]?', ?'fortran_order': (True|False|.), 'shape': \\(?.{0,30}") {
        let file = archive(&[("0.weight.npy", npy(&text, &[0; 32]))], CompressionMethod::Stored);
        _ = load(&file, "mlp tanh");
    }
}

/// Written by NumPy itself, where it is installed.
#[test]
fn what_numpy_saves() {
    let python = std::env::var("PYTHON").unwrap_or("python3".into());
    let there = Command::new(&python).args(["-c", "import numpy"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        println!("skipped: {python} has no numpy");
        return;
    }
    let folder = folder("what_numpy_saves");
    let script = "
import sys, numpy as np
kernel = np.arange(12.0).reshape(4, 3) / 8
params = {'params/Dense_0/kernel': kernel, 'params/Dense_0/bias': np.float32([1, 2, 3]),
          'params/Dense_1/kernel': np.asfortranarray(kernel.T), 'params/Dense_1/bias': np.zeros(4, np.float16)}
np.savez(sys.argv[1] + '/stored.npz', **params)
np.savez_compressed(sys.argv[1] + '/packed.npz', **params)
";
    let output = Command::new(&python).arg("-c").arg(script).arg(&folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let kernel = Array2::from_shape_fn((4, 3), |(i, j)| (3 * i + j) as f64 / 8.0);
    let expected = Network::chain([4])
        .dense(kernel.t().to_owned(), Array1::from(vec![1.0, 2.0, 3.0]))
        .activation(Activation::Tanh)
        .dense(kernel, Array1::zeros(4))
        .build()
        .unwrap();
    fs::write(folder.join("packed.arch.json"), r#"{"mlp": "tanh"}"#).unwrap();
    assert_same(&Network::load(folder.join("packed.npz")).unwrap(), &expected);
    let options = LoadOptions::new().arch("linear params/Dense_0; tanh; linear params/Dense_1");
    assert_same(&Network::load_with(folder.join("stored.npz"), &options).unwrap(), &expected);
}
