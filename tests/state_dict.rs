//! Networks from plain weights: the same as built by hand, or an error that names the layer, the tensor and both
//! shapes.

#[path = "support/random.rs"]
mod random;
#[path = "support/weights.rs"]
mod weights;

use colorjet::{Activation, ConvOptions, ErrorKind, LoadOptions, Network, Plan, PlanOptions, Pool, Quantity};
use ndarray::{Array1, ArrayD, IxDyn};
use proptest::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::fs;
use std::process::Command;
use weights::{NAMES, assert_same, bytes_of, exact, folder, list, load, matrix, perceptron, perceptron_chain};

fn safetensors(tensors: &[(&str, &ArrayD<f64>)], dtype: Dtype) -> Vec<u8> {
    let data: Vec<Vec<u8>> =
        tensors.iter().map(|(_, array)| array.iter().flat_map(|&v| bytes_of(v, dtype)).collect()).collect();
    let views = tensors
        .iter()
        .zip(&data)
        .map(|((name, array), data)| (name.to_string(), TensorView::new(dtype, array.shape().to_vec(), data).unwrap()));
    safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap()
}

fn refused(bytes: &[u8], arch: &str, kind: ErrorKind, words: &[&str]) {
    let error = load(bytes, arch).expect_err(arch);
    assert_eq!(error.kind(), kind, "{arch}: {error}");
    for word in words {
        assert!(error.to_string().contains(word), "{arch}: {error} does not say {word}");
    }
}

fn perceptron_file(dtype: Dtype) -> Vec<u8> {
    let tensors = perceptron();
    safetensors(&NAMES.iter().copied().zip(&tensors).collect::<Vec<_>>(), dtype)
}

#[test]
fn linear_layers_in_natural_order_of_every_precision() {
    for dtype in [Dtype::F64, Dtype::F32, Dtype::F16, Dtype::BF16] {
        let net = load(&perceptron_file(dtype), "mlp tanh").unwrap();
        assert_same(&net, &perceptron_chain(&Activation::Tanh, None));
    }
}

#[test]
fn text_and_json_say_the_same() {
    let bytes = perceptron_file(Dtype::F64);
    let celu = Activation::Celu { alpha: 0.5 };
    let expected = perceptron_chain(&celu, Some(Activation::Sigmoid));
    for arch in [
        "mlp celu alpha 0.5; output sigmoid",
        " input 4 ;; mlp   celu alpha 5e-1\n\noutput sigmoid\n",
        "\u{feff}input 4\nlinear net.2\ncelu alpha 0.5; linear net.10; celu alpha 0.5; linear net.12; sigmoid",
        r#"{"mlp": "celu alpha 0.5", "output": "sigmoid"}"#,
        r#"{"mlp": {"activation": "celu", "alpha": 0.5}, "output": {"activation": "sigmoid"}}"#,
        r#"{"input": [4], "layers": [{"linear": "net.2"}, {"activation": "celu", "alpha": 0.5}, "linear net.10",
            "celu alpha 0.5", {"linear": "net.12"}, "sigmoid"]}"#,
    ] {
        assert_same(&load(&bytes, arch).unwrap(), &expected);
    }
    let net = load(&bytes, "mlp celu").unwrap();
    assert_eq!(
        net.layers().map(|(_, l)| l.name()).collect::<Vec<_>>(),
        ["x", "linear1", "celu2", "linear3", "celu4", "linear5"]
    );
}

#[test]
fn functions_with_bounds_are_read_and_written() {
    let bytes = perceptron_file(Dtype::F64);
    for (words, activation) in [
        ("clip low -0.5 high 2", Activation::Clip { low: -0.5, high: 2.0 }),
        ("clip high 2", Activation::Clip { low: f64::NEG_INFINITY, high: 2.0 }),
        ("relu6", Activation::Clip { low: 0.0, high: 6.0 }),
        ("hardtanh", Activation::Clip { low: -1.0, high: 1.0 }),
        ("thresholded_relu alpha -0.5", Activation::ThresholdedRelu { alpha: -0.5 }),
        ("shrink lambda 0.0625 bias 0.125", Activation::Shrink { lambda: 0.0625, bias: 0.125 }),
        ("atan", Activation::Atan),
    ] {
        let net = load(&bytes, &format!("mlp {words}")).unwrap();
        assert_same(&net, &perceptron_chain(&activation, None));
        assert_same(&net, &Network::from_bytes(&net.to_bytes().unwrap()).unwrap());
    }
    refused(&bytes, "mlp relu6 high 7", ErrorKind::InvalidParameter, &["relu6"]);
}

#[test]
fn kernels_are_turned_and_weights_are_not() {
    let [w1, b1, w2, b2, w3] = perceptron();
    let expected = perceptron_chain(&Activation::Silu, None);
    let turned = [&w1, &w2, &w3].map(|w| w.t().as_standard_layout().into_owned());
    let flax = safetensors(
        &[
            ("Dense_0/kernel", &turned[0]),
            ("Dense_0/bias", &b1),
            ("Dense_1/kernel", &turned[1]),
            ("Dense_1/bias", &b2),
            ("Dense_10/kernel", &turned[2]),
        ],
        Dtype::F64,
    );
    assert_same(&load(&flax, "mlp silu").unwrap(), &expected);
    assert_same(&load(&flax, "linear Dense_0; silu; linear Dense_1; silu; linear Dense_10").unwrap(), &expected);
    let keras = safetensors(
        &[
            ("dense/kernel:0", &turned[0]),
            ("dense/bias:0", &b1),
            ("dense_1/kernel:0", &turned[1]),
            ("dense_1/bias:0", &b2),
            ("dense_2.weight", &w3),
        ],
        Dtype::F32,
    );
    assert_same(&load(&keras, "mlp silu").unwrap(), &expected);
    let single = safetensors(&[("weight", &w1), ("bias", &b1)], Dtype::F64);
    let expected = Network::chain([4]).dense(matrix(&w1), list(&b1)).activation(Activation::Tanh).build().unwrap();
    assert_same(&load(&single, "mlp identity; output tanh").unwrap(), &expected);
    assert_same(&load(&single, r#"{"layers": [{"linear": ""}, "tanh"]}"#).unwrap(), &expected);
}

/// Tensors of the networks below: a convolution of every rank, batch norm, trained slopes.
fn stack_file() -> Vec<u8> {
    let variance = exact(&[6], 14).mapv(|v| v + 1.5);
    let tensors = [
        ("0.weight", exact(&[4, 2, 3, 2], 10)),
        ("0.bias", exact(&[4], 11)),
        ("1.weight", exact(&[6, 2, 2, 2], 12)),
        ("2.weight", exact(&[6], 13)),
        ("2.bias", exact(&[6], 15)),
        ("2.running_mean", exact(&[6], 16)),
        ("2.running_var", variance),
        ("2.num_batches_tracked", exact(&[], 1)),
        ("3.weight", exact(&[6], 17)),
        ("8.weight", exact(&[3, 72], 18)),
        ("8.bias", exact(&[3], 19)),
    ];
    safetensors(&tensors.iter().map(|(name, array)| (*name, array)).collect::<Vec<_>>(), Dtype::F64)
}

const STACK: &str = "input 2x9x8; conv 0 stride 2x1 padding 1; softplus; conv 1 groups 2 dilation 1x2;
    batch_norm 2 eps 0.001; prelu 3; max_pool 2 stride 1; avg_pool 1x2 padding 0x1; flatten; linear 8; gelu";

#[test]
fn a_stack_of_convolutions() {
    let file = stack_file();
    let tensors = safetensors::SafeTensors::deserialize(&file).unwrap();
    let get = |name: &str| -> ArrayD<f64> {
        let tensor = tensors.tensor(name).unwrap();
        let numbers = tensor.data().as_chunks().0.iter().map(|&b| f64::from_le_bytes(b)).collect();
        ArrayD::from_shape_vec(IxDyn(tensor.shape()), numbers).unwrap()
    };
    let vec = |name: &str| get(name).into_raw_vec_and_offset().0;
    let mut b = Network::builder();
    let x = b.input("x", &[2, 9, 8]).unwrap();
    let first = ConvOptions { stride: vec![2, 1], padding: vec![[1, 1]; 2], ..Default::default() };
    let x = b.conv("c0", x, get("0.weight"), list(&get("0.bias")), &first).unwrap();
    let x = b.activation("a", x, Activation::Softplus).unwrap();
    let second = ConvOptions { dilation: vec![1, 2], groups: 2, ..Default::default() };
    let x = b.conv("c1", x, get("1.weight"), None, &second).unwrap();
    let norm = ["2.weight", "2.bias", "2.running_mean", "2.running_var"].map(vec);
    let x = b.batch_norm("n", x, norm.each_ref().map(|v| &v[..]), 1e-3).unwrap();
    let x = b.activation("p", x, Activation::Prelu { slope: vec("3.weight") }).unwrap();
    let pool = Pool { kernel: vec![2, 2], stride: vec![1, 1], ..Default::default() };
    let x = b.max_pool("m", x, &pool).unwrap();
    let pool = Pool { kernel: vec![1, 2], padding: vec![[0, 0], [1, 1]], ..Default::default() };
    let x = b.avg_pool("v", x, &pool, true).unwrap();
    let units = b.shape(x).unwrap().iter().product();
    let x = b.reshape("f", x, &[units]).unwrap();
    let x = b.dense("d", x, matrix(&get("8.weight")), list(&get("8.bias"))).unwrap();
    let x = b.activation("g", x, Activation::Gelu).unwrap();
    assert_same(&load(&file, STACK).unwrap(), &b.build(&[x]).unwrap());

    let json = r#"{"input": [2, 9, 8], "layers": [
        {"conv": "0", "stride": [2, 1], "padding": 1}, "softplus", {"conv": 1, "groups": 2, "dilation": [1, 2]},
        {"batch_norm": "2", "eps": 1e-3}, {"prelu": "3"}, {"max_pool": 2, "stride": 1},
        {"avg_pool": [1, 2], "padding": [0, 1]}, "flatten", {"linear": "8"}, {"activation": "gelu"}]}"#;
    assert_same(&load(&file, json).unwrap(), &load(&file, STACK).unwrap());
}

#[test]
fn misfits_name_the_layer_the_tensor_and_both_shapes() {
    use ErrorKind::*;
    let file = perceptron_file(Dtype::F64);
    refused(&file, "linear net.2; linear net.12", Shape, &["\"linear2\"", "\"net.12.weight\" [2, 3]", "[5]"]);
    refused(&file, "input 6; linear net.2", Shape, &["\"linear1\"", "\"net.2.weight\" [5, 4]", "[6]"]);
    refused(&file, "input 2x2; linear net.2", Shape, &["\"net.2.weight\" [5, 4]", "[2, 2]", "flatten"]);
    refused(&file, "linear net.3", Dangling, &["\"linear1\"", "\"net.3.weight\"", "\"net.2.weight\" [5, 4]"]);
    refused(
        &file,
        "linear net.2; tanh",
        Dangling,
        &["\"net.10.weight\" [3, 5]", "\"net.10.bias\" [3]", "\"net.12.weight\""],
    );
    refused(&file, "input 4; batch_norm net.2", Shape, &["\"batch_norm1\"", "\"net.2.weight\"", "[5, 4]", "[4]"]);
    refused(&file, "input 4; conv net.2", Shape, &["\"conv1\"", "\"net.2.weight\" [5, 4]", "[4]"]);
    refused(
        &file,
        "linear net.2; tanh; linear net.10; tanh; prelu net.12",
        Shape,
        &["\"prelu5\"", "\"net.12.weight\" [2, 3]", "[3]"],
    );
    refused(&file, "input 4; max_pool 2", Shape, &["\"max_pool1\"", "channels first"]);

    let stack = stack_file();
    refused(&stack, "input 3x9x8; conv 0", Shape, &["\"conv1\"", "\"0.weight\" [4, 2, 3, 2]", "[3, 9, 8]"]);
    refused(&stack, "input 2x9; conv 0", Shape, &["\"conv1\"", "\"0.weight\" [4, 2, 3, 2]", "[2, 9]"]);
    refused(&stack, "input 2x9x8; conv 0 groups 2", Shape, &["in 2 groups", "\"0.weight\" [4, 2, 3, 2]", "[2, 9, 8]"]);
    refused(&stack, "input 2x2x8; conv 0", Shape, &["\"conv1\"", "kernel of 3"]);
    refused(&stack, "input 2x9x8; conv 0 stride 1x1x1", Shape, &["\"conv1\"", "stride"]);
    refused(&stack, "input 2x9x8; conv 0 stride 0", InvalidParameter, &["\"conv1\"", "stride"]);
    refused(&stack, "input 2x9x8; conv 0 padding 99999999999", InvalidParameter, &["\"conv1\"", "padding"]);
    refused(&stack, "input 2x9x8; conv 0 padding 999999999", TooLarge, &["\"conv1\""]);
    refused(&stack, "input 6; prelu 3; batch_norm 2 eps -9", InvalidParameter, &["\"batch_norm2\"", "epsilon"]);
    refused(&stack, "input 6; batch_norm 3", Dangling, &["\"batch_norm1\"", "\"3.running_mean\""]);
    refused(&stack, "input 2x9x8; max_pool 1000000000", Shape, &["\"max_pool1\"", "kernel"]);
    refused(&stack, "input 9999999999x9999999999; tanh", TooLarge, &["units"]);

    let wrong = |bias: &ArrayD<f64>| safetensors(&[("0.weight", &exact(&[5, 4], 1)), ("0.bias", bias)], Dtype::F64);
    for arch in ["mlp tanh", "linear 0", "input 4; linear 0"] {
        refused(&wrong(&exact(&[4], 1)), arch, Shape, &["\"linear1\"", "\"0.bias\"", "[4]", "[5]"]);
        refused(&wrong(&exact(&[5, 1], 1)), arch, Shape, &["\"linear1\"", "\"0.bias\"", "[5, 1]", "[5]"]);
        let infinite = exact(&[5], 1).mapv(|_| f64::INFINITY);
        refused(&wrong(&infinite), arch, NonFinite, &["\"linear1\""]);
    }
    let cube = safetensors(&[("0.weight", &exact(&[5, 4, 1], 1))], Dtype::F64);
    refused(&cube, "linear 0", Shape, &["\"linear1\"", "\"0.weight\"", "[5, 4, 1]", "[out, in]"]);
    refused(&cube, "mlp tanh", Dangling, &["no matrix", "\"0.weight\" [5, 4, 1]"]);
    let flax = safetensors(&[("Conv_0/kernel", &exact(&[3, 3, 1, 4], 1))], Dtype::F64);
    refused(
        &flax,
        "input 1x8x8; conv Conv_0",
        Unsupported,
        &["\"conv1\"", "Conv_0/kernel", "channels-last", "[3, 3, 1, 4]"],
    );
    refused(&safetensors(&[], Dtype::F64), "mlp tanh", Dangling, &["tensors: none"]);
    let counted = TensorView::new(Dtype::I64, vec![1], &[0; 8]).unwrap();
    let integers = safetensors::serialize([("0.weight", counted)], None).unwrap();
    refused(&integers, "mlp tanh", Unsupported, &["\"0.weight\"", "I64"]);
    let many: Vec<String> = (0..99).map(|k| format!("{k}.weight")).collect();
    let one = exact(&[1, 1], 1);
    let many = safetensors(&many.iter().map(|name| (name.as_str(), &one)).collect::<Vec<_>>(), Dtype::F64);
    refused(&many, "linear 0", Dangling, &["no layer uses", "and 86 more"]);
}

#[test]
fn architectures_that_are_none_are_refused_by_statement() {
    use ErrorKind::*;
    let file = perceptron_file(Dtype::F64);
    let refused =
        |arch: &str, kind, words: &[&str]| refused(&file, arch, kind, &[&["the architecture"], words].concat());
    refused("", Format, &["no layers"]);
    refused(" ;\n; ", Format, &["no layers"]);
    refused("input 4", Format, &["no layers"]);
    refused("mlp", Format, &["statement 1 (\"mlp\")", "missing"]);
    refused("mlp magic", Unsupported, &["\"magic\"", "linear, conv"]);
    refused("mlp tanh alpha 1", InvalidParameter, &["tanh", "alpha"]);
    refused("mlp elu alpha", Format, &["alpha", "no value"]);
    refused("mlp elu alpha one", InvalidParameter, &["alpha", "\"one\""]);
    refused("mlp elu alpha inf", InvalidParameter, &["alpha", "\"inf\""]);
    refused("mlp elu alpha 1 alpha 2", Format, &["twice"]);
    refused("mlp tanh; mlp tanh", Format, &["statement 2"]);
    refused("mlp tanh; output tanh; output tanh", Format, &["statement 3"]);
    refused("mlp tanh; linear net.2", Format, &["statement 2 (\"linear net.2\")"]);
    refused("tanh; mlp tanh", Format, &["statement 2"]);
    refused("linear net.2; output tanh", Format, &["statement 2", "can only follow mlp"]);
    refused("input 4; input 4; mlp tanh", Format, &["statement 2"]);
    refused("linear net.2; input 4", Format, &["statement 2"]);
    refused("input 4xx4; mlp tanh", InvalidParameter, &["statement 1", "4xx4"]);
    refused("input -4; mlp tanh", InvalidParameter, &["\"-4\""]);
    refused("input; mlp tanh", InvalidParameter, &["the input"]);
    refused("linear", Format, &["linear", "name of its tensors"]);
    refused("max_pool", Format, &["window"]);
    refused("linear net.2 bias no", InvalidParameter, &["linear has no parameter \"bias\""]);
    refused("conv net.2 strid 2", InvalidParameter, &["\"strid\"", "stride, padding, dilation, groups"]);
    refused("conv net.2 groups 0", InvalidParameter, &["groups"]);
    refused("conv net.2 groups 1x2", InvalidParameter, &["groups"]);
    refused("conv net.2 stride 1.5", InvalidParameter, &["stride", "1.5"]);
    refused("conv net.2 stride 99999999999999999999999", InvalidParameter, &["stride"]);
    refused("avg_pool 2 dilation 2", InvalidParameter, &["dilation"]);
    refused("flatten 1", Format, &["\"1\"", "no value"]);
    refused("flatten start 1", InvalidParameter, &["flatten", "none"]);
    refused("mlp powi", InvalidParameter, &["exponent"]);
    refused("{", Format, &["not JSON"]);
    refused("{}", Format, &["no layers"]);
    refused(r#"{"layers": []}"#, Format, &["no layers"]);
    refused(r#"{"layers": {}}"#, Format, &["not a list"]);
    refused(r#"{"layers": ["tanh"], "mlp": "tanh"}"#, Format, &["one of them"]);
    refused(r#"{"layers": ["tanh"], "output": "tanh"}"#, Format, &["\"output\""]);
    refused(r#"{"mlp": "tanh", "outputs": "tanh"}"#, Format, &["\"outputs\""]);
    refused(r#"{"mlp": "tanh", "input": [-1]}"#, Format, &["\"input\""]);
    refused(r#"{"mlp": "tanh", "input": []}"#, Format, &["no axis"]);
    refused(r#"{"mlp": 7}"#, Format, &["\"mlp\"", "7"]);
    refused(r#"{"mlp": ""}"#, Format, &["\"mlp\"", "missing"]);
    refused(r#"{"layers": ["tanh", {"liner": "0"}]}"#, Format, &["number 2", "liner"]);
    refused(r#"{"layers": [{"input": [4]}]}"#, Format, &["number 1", "input"]);
    refused(r#"{"layers": [{"conv": "0", "stride": null}]}"#, Format, &["null"]);
    refused(r#"{"layers": [{"conv": "0", "stride": [[1, 1]]}]}"#, Format, &["[[1,1]]"]);
    refused(r#"{"layers": [{"linear": "0", "conv": "1"}]}"#, InvalidParameter, &["no parameter"]);

    let error = load(&file, "tanh").unwrap_err();
    assert!(error.kind() == Format && error.message().contains("input 1x28x28"), "{error}");
    let error = Network::from_bytes(&file).unwrap_err();
    assert!(error.kind() == Format && error.message().contains("\"net.2.weight\" [5, 4]"), "{error}");
    let native = perceptron_chain(&Activation::Tanh, None).to_bytes().unwrap();
    let error = load(&native, "mlp tanh").unwrap_err();
    assert!(error.kind() == InvalidParameter && error.message().contains("itself"), "{error}");
}

#[test]
fn an_architecture_beside_the_file_is_found() {
    let folder = folder("an_architecture_beside_the_file");
    let path = folder.join("model.v2.safetensors");
    fs::write(&path, perceptron_file(Dtype::F32)).unwrap();
    let error = Network::load(&path).unwrap_err();
    assert!(error.kind() == ErrorKind::Format && error.message().contains(".arch.json"), "{error}");

    fs::write(folder.join("model.v2.json"), r#"{"mlp": "tanh"}"#).unwrap();
    assert_same(&Network::load(&path).unwrap(), &perceptron_chain(&Activation::Tanh, None));
    fs::write(folder.join("model.v2.arch.json"), r#"{"mlp": "sin", "output": "cos"}"#).unwrap();
    assert_same(&Network::load(&path).unwrap(), &perceptron_chain(&Activation::Sin, Some(Activation::Cos)));
    let given = LoadOptions::new().arch("mlp erf");
    assert_same(&Network::load_with(&path, &given).unwrap(), &perceptron_chain(&Activation::Erf, None));

    for (text, words) in [(&b"{\"mlp\": "[..], "not JSON"), (b"\xff\xfe", "utf-8")] {
        fs::write(folder.join("model.v2.arch.json"), text).unwrap();
        let error = Network::load(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format, "{error}");
        let text = error.to_string();
        let named = ["model.v2.safetensors", "model.v2.arch.json", words].map(|word| text.contains(word));
        assert_eq!(named, [true; 3], "{text}");
    }
}

#[test]
fn every_truncation_is_refused() {
    let bytes = perceptron_file(Dtype::F16);
    for length in 0..bytes.len() {
        let error = load(&bytes[..length], "mlp tanh").expect_err("a part of a file");
        assert_eq!(error.kind(), ErrorKind::Format, "{length}: {error}");
    }
}

/// Texts made of the grammar's own words, which get further than random ones.
fn arch_text() -> impl Strategy<Value = String> {
    let words = "input mlp output linear conv batch_norm prelu flatten max_pool avg_pool tanh elu powi alpha exponent \
        stride padding dilation groups eps 0 1 2 3 4 8 2x2 1x2 2x9x8 0.5 -1 1e9 99999999999 x net.2 net.10 { } [ ] \" ;";
    let word = prop::sample::select(words.split_whitespace().collect::<Vec<_>>());
    let spaced = prop::collection::vec((word, prop::sample::select(vec![" ", " ", " ", ";", "\n"])), 0..16);
    spaced.prop_map(|words| words.into_iter().flat_map(|(word, space)| [word, space]).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_architecture_panics(text in prop_oneof![".{0,40}", "\\{.{0,40}", arch_text()]) {
        for file in [perceptron_file(Dtype::F64), stack_file()] {
            _ = load(&file, &text);
        }
    }

    #[test]
    fn no_mutation_panics(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        for (mut file, arch) in [(perceptron_file(Dtype::F16), "mlp tanh"), (stack_file(), STACK)] {
            for (place, byte) in &changes {
                let place = place.index(file.len());
                file[place] = *byte;
            }
            _ = load(&file, arch);
        }
    }
}

/// Weights and values made by PyTorch itself, where it is installed.
#[test]
fn what_pytorch_saves() {
    let folder = folder("what_pytorch_saves");
    let script = r#"
import sys, torch
from safetensors.torch import save_file
torch.manual_seed(20261123)
nn, folder = torch.nn, sys.argv[1]
def numbers(tensor):
    return " ".join(repr(v) for v in tensor.detach().double().flatten().tolist())
def save(name, model, x):
    save_file(model.state_dict(), f"{folder}/{name}.safetensors")
    model = model.double().eval()
    x = x.double()
    jacobian = torch.func.jacrev(model)(x).reshape(-1, x.numel())
    hessian = torch.func.jacfwd(torch.func.jacrev(model))(x).reshape(-1, x.numel(), x.numel())
    lines = [x, model(x), jacobian, hessian.diagonal(dim1=1, dim2=2)]
    open(f"{folder}/{name}.txt", "w").write("\n".join(map(numbers, lines)))
save("mlp", nn.Sequential(nn.Linear(6, 16), nn.SiLU(), nn.Linear(16, 16), nn.SiLU(), nn.Linear(16, 3)), torch.randn(6))
norm = nn.BatchNorm2d(4)
norm.running_mean.uniform_(-1, 1), norm.running_var.uniform_(0.5, 2)
model = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2, padding=1), norm, nn.Tanh(), nn.Conv2d(4, 4, (2, 1), groups=2),
    nn.ELU(0.5), nn.AvgPool2d((1, 2)), nn.Flatten(0), nn.Linear(24, 5), nn.Softplus())
class Unbatched(nn.Sequential):
    def forward(self, x):
        return super().forward(x[None])
model = Unbatched(*list(model)[:6], nn.Flatten(0), *list(model)[7:])
save("conv", model.eval(), torch.randn(1, 8, 8))
"#;
    let python = std::env::var("PYTHON").unwrap_or("python3".into());
    let there = Command::new(&python).args(["-c", "import torch, safetensors"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        println!("skipped: {python} has no torch and safetensors");
        return;
    }
    let output = Command::new(&python).arg("-c").arg(script).arg(&folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let conv = "input 1x8x8; conv 0 stride 2 padding 1; batch_norm 1; tanh; conv 3 groups 2; elu alpha 0.5;
        avg_pool 1x2; flatten; linear 7; softplus";
    for (name, arch) in [("mlp", "mlp silu"), ("conv", conv)] {
        let options = LoadOptions::new().arch(arch);
        let net = Network::load_with(folder.join(format!("{name}.safetensors")), &options).unwrap();
        let text = fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
        let numbers = |line: &str| line.split(' ').map(|v| v.parse::<f64>().unwrap()).collect::<Vec<_>>();
        let [x, y, j, d] = text.lines().map(numbers).collect::<Vec<_>>().try_into().unwrap();
        let plan = Plan::with(&net, &PlanOptions::new(Quantity::HessianDiagonal).with_jacobian()).unwrap();
        let got = plan.run_all(&net, Array1::from(x).view()).unwrap();
        let dense = |m: Option<sprs::CsMat<f64>>| m.unwrap().to_dense().into_raw_vec_and_offset().0;
        for (ours, theirs) in [(got.value.to_vec(), y), (dense(got.jacobian), j), (dense(got.hessian_diagonal), d)] {
            assert_eq!(ours.len(), theirs.len());
            let largest = theirs.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            assert!(largest > 0.0);
            for (a, b) in ours.iter().zip(&theirs) {
                assert!((a - b).abs() <= 1e-12 * largest, "{name}: {a} and {b}");
            }
        }
    }
}
