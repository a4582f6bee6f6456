//! Damaged and hostile network files: an error that says what and where, or a network that can be run; never a
//! panic, never memory without bounds.

#[path = "support/random.rs"]
mod random;

use colorjet::{ErrorKind, Network, Plan, PlanOptions, Quantity};
use ndarray::Array1;
use random::Random;
use safetensors::SafeTensors;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

fn golden() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/golden");
    let names = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut paths: Vec<_> = names
        .filter(|p| p.extension().is_some_and(|e| e == "safetensors") && !p.to_string_lossy().contains(".golden."))
        .collect();
    paths.sort();
    paths
}

/// What a user does with a file; any panic fails the test.
fn use_file(bytes: &[u8]) -> Result<(), colorjet::Error> {
    let net = Network::from_bytes(bytes)?;
    let x = Array1::from(Random(1).weights(net.inputs().min(1 << 20), 1));
    for quantity in [Quantity::Jacobian, Quantity::HessianDiagonal] {
        let plan = Plan::with(&net, &PlanOptions::new(quantity).max_bytes(1 << 26))?;
        _ = plan.run(&net, x.view())?;
    }
    Ok(())
}

/// A file with the given description and one matrix `w` of shape 2 × 3, a list `b` of 2 and indices `i`.
fn file(description: &Value) -> Vec<u8> {
    use safetensors::Dtype;
    use safetensors::tensor::TensorView;
    let w: Vec<u8> = (0..6).flat_map(|k| f64::from(k).to_le_bytes()).collect();
    let i: Vec<u8> = [0i64, 1, 2].iter().flat_map(|k| k.to_le_bytes()).collect();
    let tensors = vec![
        ("w", TensorView::new(Dtype::F64, vec![2, 3], &w).unwrap()),
        ("k", TensorView::new(Dtype::F64, vec![1, 1, 6], &w).unwrap()),
        ("b", TensorView::new(Dtype::F64, vec![2], &w[..16]).unwrap()),
        ("i", TensorView::new(Dtype::I64, vec![3], &i).unwrap()),
    ];
    let metadata = HashMap::from([("colorjet".to_owned(), description.to_string())]);
    safetensors::serialize(tensors, Some(metadata)).unwrap()
}

fn network(layers: Value) -> Vec<u8> {
    file(&json!({"version": 1, "layers": layers, "outputs": ["y"]}))
}

fn refused(layers: Value, kind: ErrorKind, words: &str) {
    let error = use_file(&network(layers.clone())).expect_err(&layers.to_string());
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn descriptions_that_make_no_sense_are_refused_by_name() {
    use ErrorKind::*;
    let x = json!({"name": "x", "kind": "input", "shape": [3]});
    let with = |layer: Value| json!([x, layer]);
    let y = |fields: Value| {
        let mut layer = json!({"name": "y", "from": ["x"]});
        layer.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        with(layer)
    };
    use_file(&network(y(json!({"kind": "dense", "weight": "w", "bias": "b"})))).unwrap();
    refused(
        y(json!({"kind": "dense", "weight": "nowhere"})),
        Dangling,
        "in layer \"y\": there is no tensor \"nowhere\"",
    );
    refused(y(json!({"kind": "dense", "weight": "b"})), Shape, "two axes");
    refused(y(json!({"kind": "dense", "weight": "i"})), Unsupported, "I64");
    refused(y(json!({"kind": "dense", "weight": "w", "bias": "w"})), Shape, "bias");
    refused(y(json!({"kind": "dense", "weight": "w", "stride": 2})), Format, "stride");
    refused(y(json!({"kind": "attention"})), Format, "attention");
    refused(
        y(json!({"kind": "elementwise", "function": "tanh", "alpha": 1.0})),
        InvalidParameter,
        "no parameter alpha",
    );
    let function = |name: &str, parameters: Value| {
        let mut layer = json!({"kind": "elementwise", "function": name});
        layer.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
        y(layer)
    };
    use_file(&network(function("clip", json!({"low": null, "high": 6})))).unwrap();
    refused(function("clip", json!({"low": 1.0, "high": 0.5})), InvalidParameter, "layer \"y\"");
    refused(function("clip", json!({"low": "i"})), Format, "layer \"y\"");
    refused(function("clip", json!({"alpha": 1.0})), InvalidParameter, "clip has no parameter alpha");
    refused(function("relu", json!({"high": 6.0})), InvalidParameter, "relu has no parameter high");
    refused(function("shrink", json!({"lambda": -1.0})), InvalidParameter, "lambda");
    refused(function("shrink", json!({"slope": "b"})), InvalidParameter, "shrink has no parameter slope");
    refused(function("thresholded_relu", json!({"bias": 1.0})), InvalidParameter, "no parameter bias");
    refused(function("atan", json!({"beta": 1.0})), Format, "beta");
    refused(json!([x, {"name": "y", "from": ["x"], "kind": "elementwise"}]), Format, "function");
    refused(y(json!({"kind": "elementwise", "function": "magic"})), Unsupported, "magic");
    refused(y(json!({"kind": "elementwise", "function": "powi", "exponent": 1.5})), InvalidParameter, "1.5");
    refused(y(json!({"kind": "elementwise", "function": "celu", "alpha": 0.0})), InvalidParameter, "layer \"y\"");
    refused(y(json!({"kind": "reshape", "shape": [4]})), Shape, "layer \"y\"");
    refused(y(json!({"kind": "reshape", "shape": [4294967296u64, 4294967296u64]})), Shape, "layer \"y\"");
    refused(y(json!({"kind": "gather", "index": "i", "shape": [2]})), Shape, "3 indices");
    refused(y(json!({"kind": "pad", "padding": [[0, 1u64 << 40]]})), TooLarge, "padding");
    refused(y(json!({"kind": "pad", "padding": [[u64::MAX, u64::MAX]]})), TooLarge, "padding");
    refused(y(json!({"kind": "pad", "padding": [[0, 3]], "mode": "reflect"})), InvalidParameter, "padding");
    refused(y(json!({"kind": "slice", "starts": [2], "ends": [9]})), OutOfRange, "2..9");
    refused(y(json!({"kind": "slice", "starts": [0], "ends": [2], "steps": [0]})), InvalidParameter, "zero");
    refused(y(json!({"kind": "transpose", "perm": [1]})), InvalidParameter, "permutation");
    refused(y(json!({"kind": "concat", "axis": 7})), InvalidParameter, "axis 7");
    refused(y(json!({"kind": "conv", "weight": "k"})), Shape, "operand");
    refused(y(json!({"kind": "max_pool", "kernel": [2]})), Shape, "channels first");
    refused(y(json!({"kind": "max", "ptr": "i", "index": "i", "shape": [2]})), Format, "rise");
    refused(y(json!({"kind": "sparse", "indptr": "i", "indices": "i", "data": "b", "shape": [2, 3]})), Format, "rise");
    refused(y(json!({"kind": "product"})), Shape, "reads 1");
    refused(json!([x, {"name": "y", "kind": "sum", "from": []}]), Empty, "layer \"y\"");
    refused(json!([{"name": "y", "kind": "input", "shape": [0]}]), Empty, "axis of length zero");
    refused(json!([{"name": "y", "kind": "input", "shape": [1u64 << 40]}]), TooLarge, "units");
    refused(json!([{"name": "y", "kind": "input", "shape": [1u64 << 33, 1u64 << 33]}]), TooLarge, "units");
    refused(json!([{"name": "y", "kind": "input", "shape": [-1]}]), Format, "layer \"y\"");
    refused(json!([{"kind": "input", "shape": [1]}]), Format, "no name");
    refused(json!([]), Dangling, "\"y\"");
    refused(json!([x, x]), DuplicateName, "layer \"x\"");
    let reads = |name: &str, from: &str| json!({"name": name, "kind": "sum", "from": [from]});
    refused(json!([x, reads("y", "z"), reads("z", "y")]), Cycle, "depends on itself");
    refused(json!([x, reads("y", "y")]), Cycle, "layer \"y\"");
    refused(json!([x, reads("y", "ghost")]), Dangling, "ghost");
    refused(json!([x, reads("y", "x"), reads("dead", "x")]), Dangling, "layer \"dead\"");

    let series = json!({"name": "x", "kind": "input", "shape": [1, 8]});
    let conv = |fields: Value| {
        let mut layer = json!({"name": "y", "from": ["x"], "kind": "conv", "weight": "k"});
        layer.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!([series, layer])
    };
    use_file(&network(conv(json!({})))).unwrap();
    use_file(&network(conv(json!({"stride": [1u64 << 30]})))).unwrap();
    refused(conv(json!({"stride": [0]})), InvalidParameter, "stride is zero");
    refused(conv(json!({"stride": [u64::MAX]})), InvalidParameter, "stride");
    refused(conv(json!({"stride": [1, 1]})), Shape, "stride");
    refused(conv(json!({"dilation": [1u64 << 30]})), Shape, "spans");
    refused(conv(json!({"padding": [[1u64 << 30, 0]]})), TooLarge, "units");
    refused(conv(json!({"groups": 3})), Shape, "groups");
    for version in [json!(0), json!(2), json!("1"), json!(null)] {
        let error = Network::from_bytes(&file(&json!({"version": version, "layers": [], "outputs": []}))).unwrap_err();
        assert_eq!(error.kind(), Unsupported, "{error}");
    }
}

#[test]
fn every_truncation_is_refused() {
    let bytes = network(json!([
        {"name": "x", "kind": "input", "shape": [3]},
        {"name": "y", "kind": "dense", "from": ["x"], "weight": "w", "bias": "b"},
    ]));
    use_file(&bytes).unwrap();
    for length in 0..bytes.len() {
        let error = Network::from_bytes(&bytes[..length]).expect_err("a part of a file");
        assert_eq!(error.kind(), ErrorKind::Format, "{length}: {error}");
    }
}

#[test]
fn damaged_bytes_do_no_harm() {
    let mut random = Random(2);
    let (mut loaded, mut refused) = (0, 0);
    for path in golden() {
        let whole = fs::read(&path).unwrap();
        let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
        for round in 0..60 {
            let mut bytes = whole.clone();
            for _ in 0..1 + random.next() % 3 {
                // Mostly in the header, where the structure is.
                let range = if round % 3 == 0 { bytes.len() } else { header };
                let at = random.next() as usize % range;
                bytes[at] = match random.next() % 4 {
                    0 => random.next() as u8,
                    1 => b'0' + (random.next() % 10) as u8,
                    2 => bytes[at] ^ (1 << (random.next() % 8)),
                    _ => b"-9\"[]{},:e."[random.next() as usize % 11],
                };
            }
            match use_file(&bytes) {
                Ok(()) => loaded += 1,
                Err(_) => refused += 1,
            }
        }
    }
    assert!(loaded > 100 && refused > 1000, "{loaded} loaded, {refused} refused");
}

/// Numbers and words of the description replaced by hostile ones.
#[test]
fn damaged_descriptions_do_no_harm() {
    let mut random = Random(3);
    let hostile = [
        json!(0),
        json!(-1),
        json!(1),
        json!(7),
        json!(65_537),
        json!(1u64 << 31),
        json!(1u64 << 32),
        json!(u64::MAX),
        json!(1e308),
        json!(0.5),
        json!(null),
        json!(""),
        json!("x"),
        json!("dense"),
        json!([]),
        json!({}),
        json!([[]]),
        json!([1, 1]),
        json!([[3, 3]]),
        json!(true),
    ];
    let (mut loaded, mut refused) = (0, 0);
    for path in golden() {
        let whole = fs::read(&path).unwrap();
        let (_, metadata) = SafeTensors::read_metadata(&whole).unwrap();
        let text = metadata.metadata().as_ref().unwrap()["colorjet"].clone();
        let tensors = SafeTensors::deserialize(&whole).unwrap();
        for _ in 0..60 {
            let mut description: Value = serde_json::from_str(&text).unwrap();
            for _ in 0..1 + random.next() % 2 {
                let mut places = Vec::new();
                leaves(&description, String::new(), &mut places);
                let place = &places[random.next() as usize % places.len()];
                let other = description.pointer(&places[random.next() as usize % places.len()]).cloned();
                let new = match random.next() % 2 {
                    0 => hostile[random.next() as usize % hostile.len()].clone(),
                    _ => other.unwrap(),
                };
                *description.pointer_mut(place).unwrap() = new;
            }
            let metadata = HashMap::from([("colorjet".to_owned(), description.to_string())]);
            let bytes = safetensors::serialize(tensors.tensors(), Some(metadata)).unwrap();
            match use_file(&bytes) {
                Ok(()) => loaded += 1,
                Err(_) => refused += 1,
            }
        }
    }
    assert!(loaded > 20 && refused > 1000, "{loaded} loaded, {refused} refused");
}

fn leaves(value: &Value, at: String, places: &mut Vec<String>) {
    match value {
        Value::Array(list) => list.iter().enumerate().for_each(|(k, v)| leaves(v, format!("{at}/{k}"), places)),
        Value::Object(map) => map.iter().for_each(|(k, v)| leaves(v, format!("{at}/{k}"), places)),
        _ => {}
    }
    if !at.is_empty() {
        places.push(at);
    }
}

#[test]
fn a_failed_save_leaves_the_old_file() {
    let folder = std::env::temp_dir().join(format!("colorjet-test-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("net.safetensors");
    let plain = |a| Network::chain([2]).activation(a).build().unwrap();
    plain(colorjet::Activation::Tanh).save(&path).unwrap();
    let before = fs::read(&path).unwrap();
    let custom = colorjet::Custom::from_jet("mine", |z| z * z);
    let error = plain(colorjet::Activation::Custom(custom)).save(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("mine"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
    let net = Network::load(&path).unwrap();
    let error = net.save(&folder).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    let error = net.save(folder.join("none/net.safetensors")).unwrap_err();
    assert!(error.kind() == ErrorKind::Io && error.to_string().contains("none"), "{error}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left behind");
    let error = Network::load(folder.join("missing.safetensors")).unwrap_err();
    assert!(error.kind() == ErrorKind::Io && error.to_string().contains("missing.safetensors"), "{error}");
    fs::remove_dir_all(&folder).unwrap();
}
