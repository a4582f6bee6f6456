//! The command: each question answered as the library answers it, exit statuses, JSON, files for NumPy and SciPy.
#![cfg(feature = "cli")]

#[path = "support/random.rs"]
mod random;

use colorjet::coloring::{Order, Side, partial_distance2_coloring};
use colorjet::numpy::{self, Npz};
use colorjet::{Activation, Network, Pattern, Plan, PlanOptions, Quantity, hessian_diagonal, jacobian};
use ndarray::{Array1, Array2, ArrayD, Axis, array};
use random::Random;
use serde_json::Value;
use sprs::CsMat;
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const QUANTITIES: [(&str, Quantity); 2] =
    [("jacobian", Quantity::Jacobian), ("hessian-diagonal", Quantity::HessianDiagonal)];

/// A folder of a test's own, as its files' names are short.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("command").join(name);
        _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    /// A folder with a network and points for it.
    fn with_network(name: &str, net: &Network, points: &ArrayD<f64>) -> Self {
        let folder = Folder::new(name);
        net.save(folder.path("net")).unwrap();
        numpy::write(folder.path("x.npy"), points.view()).unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_colorjet"));
        command.args(line.split(' ')).current_dir(&self.0).stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// Standard output of a run that succeeds.
    fn text(&self, line: &str) -> String {
        let output = self.run(line);
        assert_eq!(output.status.code(), Some(0), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The one JSON object of a run that succeeds.
    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.text(line)).unwrap()
    }

    /// Standard error of a run that ends with the status, without a word on standard output.
    fn fails(&self, line: &str, status: i32) -> String {
        let output = self.run(line);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{line}: {message}");
        assert!(output.stdout.is_empty(), "{line}: {}", String::from_utf8_lossy(&output.stdout));
        assert!(message.starts_with("error: ") && !message.contains("panicked"), "{line}: {message}");
        message
    }
}

/// A network of 2 × 3 inputs and 4 outputs, each of which sees two neighbors.
fn network() -> Network {
    let mut random = Random(7);
    let weight = |random: &mut Random, rows: usize, cols: usize| {
        let band = |i: usize, j: usize, v: f64| if j == i || j == i + 1 { v } else { 0.0 };
        let numbers = random.weights(rows * cols, 2);
        Array2::from_shape_fn((rows, cols), |(i, j)| band(i, j, numbers[i * cols + j]))
    };
    let sparse = |w: Array2<f64>| CsMat::csr_from_dense(w.view(), 0.0);
    Network::chain([2, 3])
        .then("flat", |b, name, x| b.reshape(name, x, &[6]))
        .sparse(sparse(weight(&mut random, 5, 6)), array![0.1, 0.2, 0.3, 0.4, 0.5])
        .activation(Activation::Tanh)
        .sparse(sparse(weight(&mut random, 4, 5)), None)
        .build()
        .unwrap()
}

fn points(count: usize) -> Array2<f64> {
    Array2::from_shape_vec((count, 6), Random(3).numbers(count * 6)).unwrap()
}

fn keys(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

const KEYS: [&str; 9] = ["n", "m", "nnz", "colors", "passes", "strategy", "threads", "plan_seconds", "run_seconds"];

/// The matrix in a file, from its arrays.
fn matrix(npz: &mut Npz) -> CsMat<f64> {
    let mut list = |name: &str| npz.array(name).unwrap().into_raw_vec_and_offset().0;
    let offsets = |numbers: Vec<f64>| numbers.into_iter().map(|v| v as usize).collect::<Vec<_>>();
    let shape = offsets(list("shape"));
    CsMat::new((shape[0], shape[1]), offsets(list("indptr")), offsets(list("indices")), list("data"))
}

#[test]
fn plan_says_what_the_library_says() {
    let net = network();
    let folder = Folder::with_network("plan", &net, &points(1).into_dyn());
    for (name, quantity) in QUANTITIES {
        let plan = Plan::new(&net, quantity).unwrap();
        assert_eq!(folder.text(&format!("plan net --of {name}")), format!("{plan}\n"));
        let many = told(&net, quantity, 50);
        assert_eq!(folder.text(&format!("plan net --of {name} --points 50")), format!("{many}\n"));
        let object = folder.json(&format!("plan net --of {name} --json --threads 3"));
        assert_eq!(keys(&object), BTreeSet::from(KEYS));
        assert_eq!(object["n"], 6);
        assert_eq!(object["m"], 4);
        assert_eq!(object["nnz"], plan.pattern().nnz());
        assert_eq!(object["colors"], plan.colors());
        assert_eq!(object["passes"], plan.passes().sweeps());
        assert_eq!(object["strategy"], plan.strategy().to_string());
        assert_eq!(object["threads"], 3);
        assert!(object["plan_seconds"].as_f64().unwrap() > 0.0);
        assert_eq!(object["run_seconds"], Value::Null);
    }
    let diagonal = Plan::new(&net, Quantity::HessianDiagonal).unwrap();
    let spied = folder.text("plan net --layers --spy");
    assert_eq!(spied, format!("{net}\n{diagonal}\n\n{}\n", diagonal.pattern().to_braille(80, 40)));
    assert!(folder.text("plan net --of jacobian --strategy reverse").contains("strategy  reverse"));
    let summed = folder.text("plan net --of laplacian --strategy forward-laplacian");
    assert!(summed.contains("strategy  forward-laplacian"), "{summed}");
}

/// What is chosen for many points is not what a plan takes that is not told, and the command has it.
#[test]
fn the_number_of_points_is_told() {
    let mut chain = Network::chain([2]);
    for pair in [2, 128, 128, 128, 128, 128, 1].windows(2) {
        chain = chain.dense(Array2::from_elem((pair[1], pair[0]), 0.01), None).activation(Activation::Tanh);
    }
    let net = chain.build().unwrap();
    let folder = Folder::with_network("told", &net, &ArrayD::zeros(vec![64, 2]));
    for (name, quantity) in [("hessian-diagonal", Quantity::HessianDiagonal), ("laplacian", Quantity::Laplacian)] {
        let [untold, many] = [Plan::new(&net, quantity).unwrap(), told(&net, quantity, 64)];
        // There is something to be told; the Laplacian's choice may be the same.
        assert!(quantity == Quantity::Laplacian || untold.strategy() != many.strategy());
        let object = folder.json(&format!("{name} net --at x.npy --json --out d.npy"));
        assert_eq!(object["strategy"], many.strategy().to_string());
    }
}

/// The command tells the plan how many points there are.
fn told(net: &Network, quantity: Quantity, points: usize) -> Plan {
    Plan::with(net, &PlanOptions::new(quantity).points(points)).unwrap()
}

#[test]
fn one_point_gives_the_matrix() {
    let net = network();
    let x = points(1).row(0).to_owned();
    let folder = Folder::with_network("one", &net, &x.clone().into_dyn());
    let shaped = x.to_shape((2, 3)).unwrap().to_owned();
    numpy::write(folder.path("shaped.npy"), shaped.view().into_dyn()).unwrap();
    for (name, quantity) in QUANTITIES {
        let expected = told(&net, quantity, 1).run(&net, x.view()).unwrap();
        for file in ["x.npy", "shaped.npy"] {
            folder.text(&format!("{name} net --at {file} --out d.npz"));
            assert_eq!(matrix(&mut Npz::open(folder.path("d.npz")).unwrap()), expected);
            folder.text(&format!("{name} net --at {file} --out d.npy"));
            assert_eq!(numpy::read(folder.path("d.npy")).unwrap(), expected.to_dense().into_dyn());
        }
        let lines: Vec<String> = expected.iter().map(|(v, (i, j))| format!("{i} {j} {v:?}\n")).collect();
        let text = folder.text(&format!("{name} net --at x.npy"));
        assert_eq!(text, format!("# output input value\n{}", lines.concat()));
    }
    let laplacian = colorjet::laplacian(&net, x.view()).unwrap();
    for (name, numbers) in [("value", net.value(x.view()).unwrap()), ("laplacian", laplacian)] {
        folder.text(&format!("{name} net --at x.npy --out y.npy"));
        assert_eq!(numpy::read(folder.path("y.npy")).unwrap(), numbers.clone().into_dyn());
        let lines: Vec<String> = numbers.iter().enumerate().map(|(i, v)| format!("{i} {v:?}\n")).collect();
        assert_eq!(folder.text(&format!("{name} net --at x.npy")), format!("# output value\n{}", lines.concat()));
    }
}

#[test]
fn a_batch_has_an_axis_for_points() {
    let net = network();
    let xs = points(50);
    let folder = Folder::with_network("batch", &net, &xs.clone().into_dyn());
    let shaped = xs.to_shape((50, 2, 3)).unwrap().to_owned();
    numpy::write(folder.path("shaped.npy"), shaped.view().into_dyn()).unwrap();
    for (name, quantity) in QUANTITIES {
        let plan = told(&net, quantity, 50);
        let all = plan.run_batch(&net, xs.view()).unwrap();
        let values = all.hessian_diagonal.or(all.jacobian).unwrap();
        for line in ["x.npy", "shaped.npy", "x.npy --threads 1", "x.npy --threads 4 --repeat 3"] {
            folder.text(&format!("{name} net --at {line} --out d.npz"));
            let mut npz = Npz::open(folder.path("d.npz")).unwrap();
            assert_eq!(npz.array("data").unwrap(), values.clone().into_dyn(), "{line}");
            assert_eq!(npz.array("shape").unwrap(), array![4.0, 6.0].into_dyn());
        }
        folder.text(&format!("{name} net --at x.npy --out d.npy"));
        let dense = numpy::read(folder.path("d.npy")).unwrap();
        assert_eq!(dense.shape(), [50, 4, 6]);
        let last = CsMat::new(
            (4, 6),
            plan.pattern().indptr().to_vec(),
            plan.pattern().indices().iter().map(|&j| j as usize).collect(),
            values.row(49).to_vec(),
        );
        assert_eq!(dense.index_axis(Axis(0), 49), last.to_dense().into_dyn());
        let text = folder.text(&format!("{name} net --at x.npy"));
        assert_eq!(text.lines().count(), 1 + 50 * plan.pattern().nnz());
    }
    folder.text("value net --at shaped.npy --out y.npy");
    let y = numpy::read(folder.path("y.npy")).unwrap();
    assert_eq!(y.shape(), [50, 4]);
    for (x, y) in xs.rows().into_iter().zip(y.axis_iter(Axis(0))) {
        for (expected, found) in net.value(x).unwrap().iter().zip(&y) {
            assert!((expected - found).abs() < 1e-14);
        }
    }
}

#[test]
fn single_precision_is_that_of_the_library() {
    let net = network();
    let x = points(1).row(0).to_owned();
    let folder = Folder::with_network("f32", &net, &x.clone().into_dyn());
    let single = net.cast::<f32>().unwrap();
    let expected = jacobian(&single, x.mapv(|v| v as f32).view()).unwrap();
    folder.text("jacobian net --at x.npy --dtype f32 --out j.npz");
    assert_eq!(matrix(&mut Npz::open(folder.path("j.npz")).unwrap()), expected.map(|&v| f64::from(v)));
    // Half the bytes of f64, so the file says what was computed.
    folder.text("jacobian net --at x.npy --dtype f32 --out j.npy");
    assert!(fs::read(folder.path("j.npy")).unwrap().windows(3).any(|w| w == b"<f4"));
}

#[test]
fn json_is_one_object() {
    let net = network();
    let folder = Folder::with_network("json", &net, &points(3).into_dyn());
    for (name, quantity) in QUANTITIES {
        let plan = told(&net, quantity, 3);
        let object = folder.json(&format!("{name} net --at x.npy --json --repeat 2 --threads 2 --out d.npz"));
        assert_eq!(keys(&object), BTreeSet::from(KEYS));
        assert_eq!(object["nnz"], plan.pattern().nnz());
        assert_eq!(object["strategy"], plan.strategy().to_string());
        assert_eq!(object["threads"], 2);
        assert!(object["run_seconds"].as_f64().unwrap() > 0.0);
        assert!(folder.path("d.npz").exists());
        let forced = folder.json(&format!("{name} net --at x.npy --json --strategy dense"));
        assert_eq!(forced["strategy"], "dense");
        assert_eq!(forced["colors"], 6);
    }
    let object = folder.json("value net --at x.npy --json");
    assert_eq!(keys(&object), BTreeSet::from(KEYS));
    assert_eq!(object["m"], 4);
    assert_eq!(object["strategy"], Value::Null);
    assert!(object["run_seconds"].as_f64().unwrap() > 0.0);
}

#[test]
fn the_shape_of_points_decides() {
    let square = Network::chain([2]).dense(array![[1.0, 2.0], [3.0, 4.0]], None).build().unwrap();
    let folder = Folder::with_network("shapes", &square, &array![[1.0, 2.0], [3.0, 4.0]].into_dyn());
    assert!(folder.text("value net --at x.npy").starts_with("# point output value\n0 0 5.0\n"));

    // One input: a list is a batch, a number is a point.
    let line = Network::chain([1]).dense(array![[2.0]], None).build().unwrap();
    let folder = Folder::with_network("line", &line, &array![1.0, 2.0, 3.0].into_dyn());
    assert_eq!(folder.text("value net --at x.npy"), "# point output value\n0 0 2.0\n1 0 4.0\n2 0 6.0\n");
    numpy::write(folder.path("x.npy"), ArrayD::from_elem(vec![], 1.0).view()).unwrap();
    assert_eq!(folder.text("value net --at x.npy"), "# output value\n0 2.0\n");
    numpy::write(folder.path("x.npy"), array![4.0].into_dyn().view()).unwrap();
    assert_eq!(folder.text("value net --at x.npy"), "# output value\n0 8.0\n");

    // An input of shape 1 × 2: an array of this shape is one point, as the model has it.
    let row = Network::chain([1, 2])
        .then("flat", |b, name, x| b.reshape(name, x, &[2]))
        .dense(array![[1.0, 1.0]], None)
        .build()
        .unwrap();
    let folder = Folder::with_network("row", &row, &array![[1.0, 2.0]].into_dyn());
    assert_eq!(folder.text("value net --at x.npy"), "# output value\n0 3.0\n");
    numpy::write(folder.path("x.npy"), array![[[1.0, 2.0]]].into_dyn().view()).unwrap();
    assert_eq!(folder.text("value net --at x.npy"), "# point output value\n0 0 3.0\n");

    let net = network();
    let wrong = Array1::<f64>::zeros(5).into_dyn();
    let folder = Folder::with_network("wrong", &net, &wrong);
    let message = folder.fails("jacobian net --at x.npy", 1);
    let words = "in file \"x.npy\": its shape is [5]; expected is one point, [6] or [2, 3], or a batch of B points, \
                 [B, 6] or [B, 2, 3]";
    assert!(message.contains(words), "{message}");
    numpy::write(folder.path("x.npy"), ArrayD::<f64>::zeros(vec![0, 6]).view()).unwrap();
    assert!(folder.fails("jacobian net --at x.npy", 1).contains("there is no point"));
}

#[test]
fn refused_computations_end_with_status_1() {
    let net = network();
    let mut xs = points(3);
    xs[[2, 4]] = f64::NAN;
    let folder = Folder::with_network("refused", &net, &xs.into_dyn());
    for question in ["jacobian", "hessian-diagonal", "value"] {
        let message = folder.fails(&format!("{question} net --at x.npy"), 1);
        assert!(message.contains("x[4] is NaN, in sample 2"), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        let message = folder.fails(&format!("{question} net --at missing.npy"), 1);
        assert!(message.contains("in file \"missing.npy\""), "{message}");
        let message = folder.fails(&format!("{question} missing --at x.npy"), 1);
        assert!(message.contains("in file \"missing\""), "{message}");
        let message = folder.fails(&format!("{question} x.npy --at x.npy"), 1);
        assert!(message.contains("in file \"x.npy\""), "{message}");
    }
    numpy::write(folder.path("x.npy"), points(1).into_dyn().view()).unwrap();
    let message = folder.fails("jacobian net --at x.npy --out no/such/folder.npz", 1);
    assert!(message.contains("in file \"no/such/folder.npz\""), "{message}");
    // What only ONNX models have.
    let folder = Folder::with_network("parts", &network(), &points(1).into_dyn());
    assert!(folder.fails("plan net --select y", 1).contains("only of ONNX models"));
    assert!(folder.fails("plan net --dim T=3", 1).contains("only ONNX models"));
    // A layer that is not finite somewhere is named.
    let log = Network::chain([1]).activation(Activation::Log).build().unwrap();
    let folder = Folder::with_network("log", &log, &array![-1.0].into_dyn());
    let message = folder.fails("hessian-diagonal net --at x.npy", 1);
    assert!(message.contains("in layer"), "{message}");
}

#[test]
fn a_wrong_command_line_ends_with_status_2() {
    let folder = Folder::with_network("usage", &network(), &points(1).into_dyn());
    for line in [
        "jacobian net",
        "jacobian --at x.npy",
        "jacobian net --at x.npy --out d.txt",
        "jacobian net --at x.npy --strategy fast",
        "jacobian net --at x.npy --strategy double-forward",
        "plan net --of jacobian --strategy reverse-over-forward",
        "plan net --of something",
        "plan net --spy --json",
        "jacobian net --at x.npy --threads 0",
        "jacobian net --at x.npy --repeat 0",
        "jacobian net --at x.npy --dtype f16",
        "jacobian net --at x.npy --dim T",
        "jacobian net --at x.npy --dim T=0",
        "value net --at x.npy --out y.npz",
        "color a.mtx",
        "color a.mtx --problem rainbow",
        "color a.mtx --problem row --order random:x",
        "hessian net --at x.npy",
        "laplacian net --at x.npy --out l.npz",
        "laplacian net --at x.npy --strategy forward",
        "hessian-diagonal net --at x.npy --strategy forward-laplacian",
        "unknown",
    ] {
        folder.fails(line, 2);
    }
    let message = folder.fails("jacobian net --at x.npy --strategy double-forward", 2);
    assert!(message.contains("forward, reverse, dense"), "{message}");
}

/// A path on five vertices with a hole in its diagonal, and a matrix that is not symmetric.
fn matrices(folder: &Folder) {
    let path = "%%MatrixMarket matrix coordinate pattern symmetric\n5 5 5\n1 1\n2 1\n3 2\n4 3\n5 4\n";
    fs::write(folder.path("path.mtx"), path).unwrap();
    let wide = "%%MatrixMarket matrix coordinate real general\n2 4 5\n1 1 1\n1 2 1\n1 4 1\n2 3 1\n2 4 2\n";
    fs::write(folder.path("wide.mtx"), wide).unwrap();
}

#[test]
fn colorings_are_those_of_the_library() {
    let folder = Folder::new("color");
    matrices(&folder);
    let wide = Pattern::load_matrix_market(folder.path("wide.mtx")).unwrap();
    let colored = KEYS.into_iter().chain(["valid", "lower_bound"]).collect::<BTreeSet<_>>();
    for (problem, side) in [("column", Side::Columns), ("row", Side::Rows)] {
        for order in ["natural", "largest-first", "smallest-last", "random:7", "best"] {
            let object = folder.json(&format!("color wide.mtx --problem {problem} --order {order} --json"));
            assert_eq!(keys(&object), colored);
            let expected = partial_distance2_coloring(&wide, side, order.parse::<Order>().unwrap());
            assert_eq!(object["colors"], expected.count());
            assert_eq!(object["valid"], true);
            assert_eq!((&object["n"], &object["m"], &object["nnz"]), (&4.into(), &2.into(), &5.into()));
        }
    }
    assert_eq!(folder.json("color wide.mtx --problem column --json")["lower_bound"], 3);
    assert_eq!(folder.json("color path.mtx --problem distance1 --json")["colors"], 2);
    let object = folder.json("color path.mtx --problem distance2 --order natural --json");
    assert_eq!((&object["colors"], &object["lower_bound"]), (&3.into(), &3.into()));
    // Neighbors without entries on the diagonal meet in no row, and still need two colors.
    fs::write(folder.path("edge.mtx"), "%%MatrixMarket matrix coordinate pattern symmetric\n2 2 1\n2 1\n").unwrap();
    assert_eq!(folder.json("color edge.mtx --problem column --json")["colors"], 1);
    assert_eq!(folder.json("color edge.mtx --problem distance2 --json")["colors"], 2);
    let oblique = "%%MatrixMarket matrix coordinate pattern general\n2 2 1\n2 1\n";
    fs::write(folder.path("oblique.mtx"), oblique).unwrap();
    assert!(folder.fails("color oblique.mtx --problem distance1", 1).contains("in file \"oblique.mtx\""));
    assert!(folder.fails("color oblique.mtx --problem distance2", 1).contains("not symmetric"));
    assert!(folder.text("color wide.mtx --problem column").contains("3 for 4 columns, at least 3"));

    assert!(folder.fails("color wide.mtx --problem distance1", 1).contains("not square"));
    assert!(folder.fails("color wide.mtx --problem distance2", 1).contains("not square"));
    for problem in ["star", "acyclic", "bidirectional"] {
        let message = folder.fails(&format!("color path.mtx --problem {problem}"), 1);
        assert!(message.contains(problem), "{message}");
    }
    fs::write(folder.path("bad.mtx"), "%%MatrixMarket matrix coordinate real general\n2 2 1\n3 1 1\n").unwrap();
    assert!(folder.fails("color bad.mtx --problem row", 1).contains("in file \"bad.mtx\", line 3: row 3"));
}

#[test]
fn help_and_completions_are_printed() {
    let folder = Folder::new("help");
    assert!(folder.text("--help").contains("Exit status"));
    assert!(folder.text("--version").starts_with("colorjet "));
    for question in ["plan", "jacobian", "hessian-diagonal", "value", "color", "completions"] {
        assert!(folder.text(&format!("{question} --help")).contains("Example"), "{question}");
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(folder.text(&format!("completions {shell}")).contains("hessian-diagonal"), "{shell}");
    }
}

/// Who stops reading, `head` say, ends the command without a word.
#[test]
fn a_broken_pipe_is_no_failure() {
    let net = network();
    let folder = Folder::with_network("pipe", &net, &points(5_000).into_dyn());
    let mut child =
        folder.command("jacobian net --at x.npy").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 16];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn scipy_reads_the_matrix() {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let run =
        |script: &str, folder: &Folder| Command::new(&python).args(["-c", script]).current_dir(&folder.0).output();
    let net = network();
    let x = points(1).row(0).to_owned();
    let folder = Folder::with_network("scipy", &net, &x.clone().into_dyn());
    if !run("import numpy, scipy.sparse", &folder).is_ok_and(|output| output.status.success()) {
        println!("skipped: {python} has no NumPy and SciPy");
        return;
    }
    folder.text("hessian-diagonal net --at x.npy --out d.npz");
    folder.text("hessian-diagonal net --at x.npy --out d.npy");
    let script = "
import numpy, scipy.sparse
d = scipy.sparse.load_npz('d.npz')
assert d.format == 'csr' and d.has_canonical_format and d.indices.dtype == numpy.int32, d
assert (d.toarray() == numpy.load('d.npy')).all()
for i, j in zip(*d.nonzero()):
    print(i, j, repr(float(d[i, j])))
numpy.save('fortran.npy', numpy.asfortranarray(numpy.load('x.npy').reshape(2, 3)).astype('>f8'))
numpy.savez_compressed('points.npz', x=numpy.arange(6, dtype='i2').reshape(3, 2))
";
    let output = run(script, &folder).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = hessian_diagonal(&net, x.view()).unwrap();
    let mut found = 0;
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = |k: usize| words[k].parse::<usize>().unwrap();
        assert_eq!(expected.get(at(0), at(1)), Some(&words[2].parse().unwrap()));
        found += 1;
    }
    assert_eq!(found, expected.iter().filter(|(v, _)| **v != 0.0).count());
    // What NumPy writes is read, whatever its order.
    folder.text("hessian-diagonal net --at fortran.npy --out f.npz");
    assert_eq!(matrix(&mut Npz::open(folder.path("f.npz")).unwrap()), expected);
    let compressed = Npz::open(folder.path("points.npz")).unwrap().array("x").unwrap();
    assert_eq!(compressed, array![[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]].into_dyn());
}
