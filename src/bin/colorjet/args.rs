//! The command line.

use crate::failure::Failure;
use clap::builder::{PathBufValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use colorjet::{LoadOptions, Network, Order, Quantity, Strategy};
use std::iter;
use std::path::PathBuf;

/// Exact sparse Jacobians and Hessian diagonals of networks with respect to their inputs
#[derive(Debug, Parser)]
#[command(name = "colorjet", version, after_help = EXIT, max_term_width = 100)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

const EXIT: &str = "\
Results go to standard output or into the file of --out, everything else to standard error.
Exit status: 0, or 1 if the computation was refused (the message says what and where), or 2 for the command line.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say how a quantity would be computed, and why: patterns, colors, passes, memory
    #[command(after_help = "\
Examples:
  colorjet plan net.onnx
  colorjet plan net.onnx --of jacobian --strategy reverse --spy
  colorjet plan net.onnx --plot plan.svg
  colorjet plan weights.safetensors --arch \"mlp tanh\"
  colorjet plan wavenet.onnx --dim T=96000 --json")]
    Plan(PlanArgs),

    /// Compute dy_i/dx_j for every output and input, m × n
    #[command(after_help = "\
Examples:
  colorjet jacobian net.onnx --at x.npy                    show the nonzeros
  colorjet jacobian net.onnx --at x.npy --out j.npz        for scipy.sparse.load_npz
  colorjet jacobian net.onnx --at points.npy --out j.npy   dense, points × m × n")]
    Jacobian(RunArgs),

    /// Compute d²y_i/dx_j² for every output and input, m × n
    #[command(after_help = "\
Examples:
  colorjet hessian-diagonal net.onnx --at x.npy                  show the nonzeros
  colorjet hessian-diagonal net.onnx --at points.npy --out d.npz --threads 8
  colorjet hessian-diagonal net.onnx --at x.npy --plot d.png --output 3   a heat map of one output
  colorjet hessian-diagonal net.onnx --at x.npy --repeat 20 --json   measure")]
    HessianDiagonal(RunArgs),

    /// Compute Σ_j d²y_i/dx_j² for every output, m numbers
    #[command(after_help = "\
Examples:
  colorjet laplacian net.onnx --at x.npy
  colorjet laplacian net.onnx --at points.npy --out l.npy      points × m")]
    Laplacian(LaplacianArgs),

    /// Compute the outputs y
    #[command(after_help = "\
Examples:
  colorjet value net.onnx --at x.npy
  colorjet value net.onnx --at points.npy --out y.npy      points × m")]
    Value(ValueArgs),

    /// Color the structure of a MatrixMarket file
    #[command(after_help = "\
Examples:
  colorjet color matrix.mtx --problem column
  colorjet color hessian.mtx --problem distance1 --order smallest-last --json
  colorjet color matrix.mtx --problem row --order random:7 --plot colors.svg")]
    Color(ColorArgs),

    /// Print a completion script for a shell
    #[command(after_help = "\
Example:
  colorjet completions bash > ~/.local/share/bash-completion/completions/colorjet")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, ClapArgs)]
pub struct PlanArgs {
    #[command(flatten)]
    pub model: Model,

    /// What is to be computed
    #[arg(long, value_name = "QUANTITY", default_value = "hessian-diagonal")]
    of: Of,

    #[command(flatten)]
    pub method: Method,

    #[command(flatten)]
    pub threads: Threads,

    /// At how many points together it would be used, which the commands that compute know [default: a choice that is
    /// good for one and for many]
    #[arg(long, value_name = "N")]
    pub points: Option<usize>,

    /// Draw the pattern of the result
    #[arg(long, conflicts_with = "json")]
    pub spy: bool,

    /// List the layers first
    #[arg(long, conflicts_with = "json")]
    pub layers: bool,

    /// Draw the layer graph, the pattern and its colors
    #[arg(long, value_name = "FILE.svg|FILE.png", value_parser = out_parser(&["svg", "png"]))]
    pub plot: Option<PathBuf>,

    /// Print one JSON object: n, m, nnz, colors, passes, strategy, threads, plan_seconds
    #[arg(long)]
    pub json: bool,
}

impl PlanArgs {
    pub fn quantity(&self) -> Quantity {
        match self.of {
            Of::Jacobian => Quantity::Jacobian,
            Of::HessianDiagonal => Quantity::HessianDiagonal,
            Of::Laplacian => Quantity::Laplacian,
        }
    }
}

#[derive(Debug, ClapArgs)]
pub struct RunArgs {
    #[command(flatten)]
    pub model: Model,

    #[command(flatten)]
    pub run: Run,

    #[command(flatten)]
    pub method: Method,

    #[command(flatten)]
    pub threads: Threads,

    /// Write a sparse .npz or a dense .npy file in place of printing the nonzeros
    #[arg(long, value_name = "FILE.npz|FILE.npy", value_parser = out_parser(&["npz", "npy"]))]
    pub out: Option<PathBuf>,

    /// Draw the result at the first point as a heat map in the shape of the input, summed over all outputs
    #[arg(long, value_name = "FILE.svg|FILE.png", value_parser = out_parser(&["svg", "png"]))]
    pub plot: Option<PathBuf>,

    /// Draw the row of this output (0, 1, …) in place of the sum
    #[arg(long, value_name = "I", requires = "plot")]
    pub output: Option<usize>,
}

#[derive(Debug, ClapArgs)]
pub struct LaplacianArgs {
    #[command(flatten)]
    pub model: Model,

    #[command(flatten)]
    pub run: Run,

    #[command(flatten)]
    pub method: Method,

    #[command(flatten)]
    pub threads: Threads,

    /// Write an .npy file in place of printing the numbers
    #[arg(long, value_name = "FILE.npy", value_parser = out_parser(&["npy"]))]
    pub out: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub struct ValueArgs {
    #[command(flatten)]
    pub model: Model,

    #[command(flatten)]
    pub run: Run,

    #[command(flatten)]
    pub threads: Threads,

    /// Write an .npy file in place of printing the numbers
    #[arg(long, value_name = "FILE.npy", value_parser = out_parser(&["npy"]))]
    pub out: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub struct ColorArgs {
    /// A MatrixMarket file; entries stored with the value zero do not count
    #[arg(value_name = "MATRIX.mtx")]
    pub matrix: PathBuf,

    /// Which vertices must have different colors
    #[arg(long)]
    pub problem: Problem,

    /// natural, largest-first, smallest-last, incidence-degree, dynamic-largest-first, random:SEED or best
    #[arg(long, default_value = "best")]
    pub order: Order,

    /// Draw the pattern in its colors
    #[arg(long, value_name = "FILE.svg|FILE.png", value_parser = out_parser(&["svg", "png"]))]
    pub plot: Option<PathBuf>,

    /// Print one JSON object: n, m, nnz, colors, valid (by the checker), lower_bound (if known),
    /// plan_seconds (for reading), run_seconds (for coloring)
    #[arg(long)]
    pub json: bool,
}

/// The network, and what its file leaves open.
#[derive(Debug, ClapArgs)]
pub struct Model {
    /// The network's file
    #[arg(value_name = "MODEL")]
    path: PathBuf,

    /// The length of a free dimension of the model's inputs; may be repeated
    #[arg(long = "dim", value_name = "NAME=SIZE", value_parser = dim)]
    dims: Vec<(String, usize)>,

    /// A tensor of an ONNX model in place of the model's outputs; may be repeated
    #[arg(long, value_name = "TENSOR")]
    select: Vec<String>,

    /// How the tensors of a file that holds weights only make a network: "mlp tanh", or a list of layers
    #[arg(long, value_name = "TEXT")]
    arch: Option<String>,
}

impl Model {
    pub fn load(&self) -> Result<Network, Failure> {
        let options = self.dims.iter().fold(LoadOptions::new(), |options, (name, size)| options.dim(name, *size));
        let options = self.select.iter().fold(options, |options, tensor| options.select(tensor));
        let options = self.arch.iter().fold(options, |options, text| options.arch(text));
        Ok(Network::load_with(&self.path, &options)?)
    }
}

/// How a quantity is computed.
#[derive(Debug, ClapArgs)]
pub struct Method {
    /// How it is computed
    #[arg(long, default_value = "auto", value_parser = strategy_parser())]
    strategy: StrategyChoice,
}

impl Method {
    /// The strategy that is forced, if it can compute the quantity.
    pub fn strategy_for(&self, quantity: Quantity) -> Result<Option<Strategy>, Failure> {
        let StrategyChoice(strategy) = self.strategy;
        if let Some(strategy) = strategy.filter(|s| !s.computes(quantity)) {
            let others: Vec<String> = Strategy::of(quantity).map(|s| s.to_string()).collect();
            let sentence = format!("{strategy} does not compute the {quantity}; {} do", others.join(", "));
            return Err(Failure::Usage(sentence));
        }
        Ok(strategy)
    }
}

/// Who computes.
#[derive(Debug, ClapArgs)]
pub struct Threads {
    /// Number of threads; the results do not depend on it [default: all cores]
    #[arg(long = "threads", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    count: Option<u16>,
}

impl Threads {
    pub fn start(&self) -> Result<(), Failure> {
        let Some(count) = self.count else { return Ok(()) };
        let built = rayon::ThreadPoolBuilder::new().num_threads(count.into()).build_global();
        built.map_err(|e| Failure::Refused(format!("{count} threads: {e}")))
    }
}

/// Where, with which numbers, how often.
#[derive(Debug, ClapArgs)]
pub struct Run {
    /// One point, flattened or in the model's input shape, or a batch of them along the first axis
    #[arg(long, value_name = "X.npy")]
    pub at: PathBuf,

    /// The precision that is computed in
    #[arg(long, default_value = "f64")]
    pub dtype: Dtype,

    /// Compute so many times and report the least time
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,

    /// Print one JSON object in place of the numbers: n, m, nnz, colors, passes, strategy, threads,
    /// plan_seconds, run_seconds (null for what there is not)
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    Jacobian,
    HessianDiagonal,
    Laplacian,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum Dtype {
    F64,
    F32,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
#[value(rename_all = "lower")]
pub enum Problem {
    /// Columns with an entry in the same row differ
    Column,
    /// Rows with an entry in the same column differ
    Row,
    /// Vertices of a symmetric matrix that are joined by an entry differ
    Distance1,
    /// Vertices of a symmetric matrix with a path of at most two entries between them differ
    Distance2,
    /// Distance1, and every path of four vertices has three colors
    Star,
    /// Distance1, and every cycle has three colors
    Acyclic,
    /// Rows and columns together
    Bidirectional,
}

/// `auto` or a strategy.
#[derive(Clone, Copy, Debug)]
struct StrategyChoice(Option<Strategy>);

fn strategy_parser() -> impl TypedValueParser<Value = StrategyChoice> {
    let names = iter::once("auto".to_owned()).chain(Strategy::ALL.iter().map(Strategy::to_string));
    PossibleValuesParser::new(names).map(|name| StrategyChoice(name.parse().ok()))
}

fn out_parser(extensions: &'static [&'static str]) -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(move |path| {
        let known = path.extension().is_some_and(|e| extensions.iter().any(|x| e.eq_ignore_ascii_case(x)));
        let names: Vec<String> = extensions.iter().map(|x| format!(".{x}")).collect();
        if known { Ok(path) } else { Err(format!("the name must end in {}", names.join(" or "))) }
    })
}

fn dim(text: &str) -> Result<(String, usize), String> {
    let (name, size) = text.split_once('=').ok_or("NAME=SIZE is expected")?;
    match size.parse() {
        Ok(size) if !name.is_empty() && size > 0 => Ok((name.to_owned(), size)),
        _ => Err("NAME=SIZE is expected, with a SIZE of at least 1".to_owned()),
    }
}
