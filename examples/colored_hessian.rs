//! The main job: the sparse Jacobian and the Hessian diagonal of a trained network, from colored passes, each way
//! that there is, held against brute force.
//!
//! ```text
//! cargo run --release --example colored_hessian [NETWORK [STATE]]
//! ```

#[path = "support/canvas.rs"]
mod canvas;
#[path = "support/clock.rs"]
mod clock;
#[path = "support/colored_inputs.rs"]
mod colored_inputs;
#[path = "support/colormap.rs"]
mod colormap;
#[path = "support/files.rs"]
mod files;
#[path = "support/font.rs"]
mod font;
#[path = "support/heatmap.rs"]
mod heatmap;
#[path = "support/inputs.rs"]
mod inputs;
#[path = "support/measure.rs"]
mod measure;
#[path = "support/oklab.rs"]
mod oklab;
#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/palette.rs"]
mod palette;
#[path = "support/restricted.rs"]
mod restricted;
#[path = "support/state.rs"]
mod state;
#[path = "support/strategies.rs"]
mod strategies;

use clock::{in_words, timed};
use colorjet::coloring::{Coloring, Side, check_distance1, check_partial_distance2};
use colorjet::coloring::{lower_bound, partial_distance2_coloring};
use colorjet::{LayerId, Network, Order, Pattern, Plan, PlanOptions, Quantity, Sparsity, Strategy, plot};
use colormap::Scale;
use ndarray::ArrayView1;
use rayon::ThreadPoolBuilder;
use std::error::Error;
use std::path::PathBuf;
use std::{fmt, fs};

const HELP: &str = "\
Exact sparse Jacobian and Hessian diagonal of a network, by coloring and multi-lane passes.

usage: colored_hessian [NETWORK [STATE]]

  NETWORK  a network file (safetensors with the layer graph in its metadata);
           without it, data/gray_scott.safetensors and its state
  STATE    a safetensors file with the point as tensor \"x\";
           without it, smooth numbers between 0.1 and 0.9

Prints the layer graph, patterns, colors, the plan, and every strategy's time and
agreement with brute force; writes pictures under target/colored_hessian.";

const QUANTITIES: [Quantity; 2] = [Quantity::Jacobian, Quantity::HessianDiagonal];

fn main() -> Result<(), Box<dyn Error>> {
    // A test harness has arguments of its own.
    let arguments: Vec<String> = if cfg!(test) { Vec::new() } else { std::env::args().skip(1).collect() };
    if arguments.iter().any(|a| a == "--help" || a == "-h") {
        println!("{HELP}");
        return Ok(());
    }
    let job = Job::from(&arguments).and_then(|job| job.show());
    job.map_err(|error| Sentence(error.to_string()).into())
}

/// An error that ends the program with its words alone.
struct Sentence(String);

impl fmt::Debug for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Sentence {}

/// A network and the point at which it is differentiated.
struct Job {
    network: PathBuf,
    state: Option<PathBuf>,
    net: Network,
    x: Vec<f64>,
}

impl Job {
    fn from(arguments: &[String]) -> Result<Self, Box<dyn Error>> {
        let (network, state) = match arguments {
            [] => (files::data("gray_scott.safetensors"), Some(files::data("gray_scott_state.safetensors"))),
            [network] => (network.into(), None),
            [network, state] => (network.into(), Some(state.into())),
            _ => return Err("there are more than two arguments; --help tells which ones there are".into()),
        };
        let net = Network::load(&network)?;
        let x = match &state {
            Some(path) => state::load(path)?,
            None => (0..net.inputs()).map(|j| smooth(j as f64)).collect(),
        };
        if x.len() != net.inputs() {
            return Err(format!("the state has {} numbers, but the network {} inputs", x.len(), net.inputs()).into());
        }
        Ok(Job { network, state, net, x })
    }

    fn show(&self) -> Result<(), Box<dyn Error>> {
        let (analysis, sparsity) = timed(|| Sparsity::of(&self.net));
        let sparsity = sparsity?;
        self.show_network();
        self.show_connectivity(&sparsity);
        show_patterns(&sparsity, &in_words(analysis))?;
        let double_forward = self.show_colors(&sparsity)?;
        self.show_plans()?;

        heading("Strategies");
        for quantity in QUANTITIES {
            strategies::compare(&self.net, &self.x, quantity)?;
        }
        self.show_threads()?;
        self.draw(&double_forward)
    }

    fn show_network(&self) {
        heading("Network");
        let at = self.state.as_deref().map_or("smooth numbers between 0.1 and 0.9".into(), files::relative);
        println!("  file   {}", files::relative(&self.network));
        println!("  point  {at}\n");
        print!("  {}", self.net.to_string().replace('\n', "\n  ").trim_end_matches(' '));
        println!("  {} operations in one evaluation", thousands(self.net.operations() as usize));
    }

    fn show_connectivity(&self, sparsity: &Sparsity) {
        heading("Connectivity");
        let connectivity = self.net.connectivity();
        let name = |id: &LayerId| self.net.layer(*id).name().to_owned();
        for (output, reached) in &connectivity.reached_by {
            let reached: Vec<String> = reached.iter().map(name).collect();
            let on = if reached.is_empty() { "no input".to_owned() } else { reached.join(", ") };
            println!("  output {} depends on {on}", name(output));
        }
        let blocks = sparsity.independent_blocks();
        let connected = blocks.iter().filter(|(inputs, outputs)| !inputs.is_empty() && !outputs.is_empty()).count();
        let unused = blocks.iter().filter(|(_, outputs)| outputs.is_empty()).count();
        let counts = [
            (connectivity.components.len(), "sub-networks that share no layer"),
            (connected, "independent blocks of inputs and outputs"),
            (sparsity.constant_outputs(), "outputs that depend on no input"),
            (unused, "inputs that reach no output"),
            (sparsity.distinct_sets(), "distinct sets of inputs that units depend on"),
        ];
        for (count, what) in counts {
            println!("  {:>9}  {what}", thousands(count));
        }
    }

    /// Plans for both quantities as colorjet chooses them.
    fn show_plans(&self) -> Result<(), Box<dyn Error>> {
        heading("Plan");
        for quantity in QUANTITIES {
            let plan = Plan::new(&self.net, quantity)?;
            println!("  {}\n", plan.to_string().replace('\n', "\n  "));
        }
        Ok(())
    }

    /// Colors against naive passes, every coloring checked from the definition; returns the plan of double-forward.
    fn show_colors(&self, sparsity: &Sparsity) -> Result<Plan, Box<dyn Error>> {
        heading("Colors");
        let (n, m) = (self.net.inputs(), self.net.outputs());
        println!("  {:<52} {:>7} {:>9} {:>9}", "", "colors", "at least", "naive");
        let (jacobian, diagonal) = (sparsity.jacobian()?, sparsity.hessian_diagonal()?);
        let [columns, rows, groups] = [(&jacobian, Side::Columns), (&jacobian, Side::Rows), (&diagonal, Side::Rows)]
            .map(|(pattern, side)| {
                let coloring = partial_distance2_coloring(pattern, side, Order::Best);
                check_partial_distance2(pattern, side, &coloring).map(|()| (coloring, lower_bound(pattern, side)))
            });
        let ((columns, least_columns), (rows, least_rows), (groups, least_groups)) = (columns?, rows?, groups?);
        color_line("Jacobian, inputs that no output shares", columns.count(), Some(least_columns), n);
        color_line("Jacobian, outputs that no input shares", rows.count(), Some(least_rows), m);

        let forced = |strategy| PlanOptions::new(Quantity::HessianDiagonal).strategy(strategy);
        let double_forward = Plan::with(&self.net, &forced(Strategy::DoubleForward))?;
        let meeting = sparsity.meeting()?;
        let colors = self.input_colors(&double_forward);
        check_partial_distance2(&meeting, Side::Columns, &coloring_of(&colors))?;
        let least = Some(lower_bound(&meeting, Side::Columns));
        color_line("Hessian diagonal, inputs that never meet", double_forward.colors(), least, n);

        // The inputs' colors can be checked where one coloring serves all outputs.
        let reverse_over_forward = Plan::with(&self.net, &forced(Strategy::ReverseOverForward))?;
        color_line("Hessian diagonal, outputs curved in no common input", groups.count(), Some(least_groups), m);
        color_line("  and within a group inputs that are not adjacent", reverse_over_forward.colors(), None, n);
        if let (1, Some(colors)) = (groups.count(), reverse_over_forward.input_colors()) {
            let outputs: Vec<usize> = (0..m).collect();
            check_distance1(&sparsity.hessian(&self.net, &outputs)?, &coloring_of(&colors))?;
        }
        Ok(double_forward)
    }

    /// No input has a color where nothing is curved.
    fn input_colors(&self, plan: &Plan) -> Vec<Option<u32>> {
        plan.input_colors().unwrap_or_else(|| vec![None; self.net.inputs()])
    }

    /// One plan on one thread and on all: every bit must be equal.
    fn show_threads(&self) -> Result<(), Box<dyn Error>> {
        let plan = Plan::with(&self.net, &PlanOptions::new(Quantity::HessianDiagonal).with_jacobian())?;
        let all = rayon::current_num_threads().max(2);
        let run = |threads| -> Result<_, Box<dyn Error>> {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
            Ok(pool.install(|| timed(|| plan.run_all(&self.net, ArrayView1::from(&self.x)))))
        };
        let ((alone, one), (together, many)) = (run(1)?, run(all)?);
        let bits = |d: colorjet::Derivatives<f64>| -> Vec<u64> {
            let matrices = [d.jacobian, d.hessian_diagonal].into_iter().flatten();
            let entries = matrices.flat_map(|matrix| matrix.data().to_vec());
            d.value.into_iter().chain(entries).map(f64::to_bits).collect()
        };
        let (one, many) = (bits(one?), bits(many?));
        assert_eq!(one, many, "the bits depend on the number of threads");
        println!("  Value, Jacobian and Hessian diagonal from the same passes, {} numbers:", thousands(one.len()));
        println!("  {} on 1 thread, {} on {all}, every bit equal.", in_words(alone), in_words(together));
        Ok(())
    }

    fn draw(&self, plan: &Plan) -> Result<(), Box<dyn Error>> {
        heading("Pictures");
        let folder = files::pictures("colored_hessian")?;
        let sheet = plot::plan(&self.net, plan)?;
        for name in ["plan.svg", "plan.png"] {
            sheet.save(folder.join(name))?;
            println!(
                "  {:<44} layer graph, pattern, and each entry in the color of its input",
                files::relative(&folder.join(name))
            );
        }
        let diagonal = Plan::new(&self.net, Quantity::HessianDiagonal)?.run(&self.net, ArrayView1::from(&self.x))?;
        let mut sums = vec![0.0; self.net.inputs()];
        diagonal.iter().for_each(|(&entry, (_, j))| sums[j] += entry);
        let colors = self.input_colors(plan);
        let count = colors.iter().flatten().max().map_or(0, |&c| c as usize + 1);
        let palette = palette::palette(count);

        let drawn = [
            (
                "colors.png",
                "the colors laid out as the inputs are",
                colored_inputs::colored_inputs(
                    &format!("COLORS OF THE INPUTS: {count}"),
                    &inputs::panels(&self.net, &colors, None),
                    &palette,
                ),
            ),
            (
                "hessian_diagonal.png",
                "the point x, and for each input the sum of its second derivatives",
                self.map(&sums),
            ),
        ];
        for (name, what, canvas) in drawn {
            canvas.save(&folder.join(name))?;
            println!("  {:<44} {what}", files::relative(&folder.join(name)));
        }
        fs::write(folder.join("network.dot"), self.net.to_dot())?;
        println!("  {:<44} the layer graph for Graphviz", files::relative(&folder.join("network.dot")));
        Ok(())
    }

    /// The point and the sums of second derivatives as fields.
    fn map(&self, sums: &[f64]) -> canvas::Canvas {
        let row = |caption: String, numbers: &[f64], scale| heatmap::Row {
            caption,
            panels: inputs::panels(&self.net, numbers, 0.0),
            scale,
        };
        let range = |numbers: &[f64]| {
            let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
            let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            format!("{} TO {}", heatmap::short(low), heatmap::short(high))
        };
        heatmap::heatmap(&[
            row(format!("POINT X: {}", range(&self.x)), &self.x, Scale::sequential(&self.x)),
            row(format!("SUM OF SECOND DERIVATIVES: {}", range(sums)), sums, Scale::diverging(sums)),
        ])
    }
}

/// Between 0.1 and 0.9: where logarithms and roots are defined and nothing is saturated.
fn smooth(j: f64) -> f64 {
    0.5 + 0.2 * (0.37 * j + 0.3).sin() + 0.2 * (0.0123 * j).cos()
}

/// Inputs without a color take no part: any color suits them.
fn coloring_of(colors: &[Option<u32>]) -> Coloring {
    Coloring::from_colors(colors.iter().map(|c| c.unwrap_or(0)).collect())
}

fn heading(title: &str) {
    println!("\n── {title} {}", "─".repeat(88 - title.chars().count()));
}

/// 1234567 as 1,234,567.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    String::from_utf8_lossy(&groups.join(&b',')).into_owned()
}

fn color_line(what: &str, colors: usize, least: Option<usize>, naive: usize) {
    let least = least.map(thousands).unwrap_or_default();
    println!("  {what:<52} {:>7} {least:>9} {:>9}", thousands(colors), thousands(naive));
}

fn show_patterns(sparsity: &Sparsity, analysis: &str) -> Result<(), Box<dyn Error>> {
    heading("Patterns");
    let (jacobian, diagonal) = (sparsity.jacobian()?, sparsity.hessian_diagonal()?);
    let describe = |name: &str, pattern: &Pattern| {
        let (rows, cols, nnz) = (pattern.rows(), pattern.cols(), pattern.nnz());
        let longest = (0..rows).map(|i| pattern.row(i).len()).max().unwrap_or(0);
        println!(
            "  {name}  {rows} × {cols}, {} entries, density {:.3} %, at most {longest} in a row",
            thousands(nnz),
            100.0 * nnz as f64 / (rows as f64 * cols as f64)
        );
    };
    describe("P_J, Jacobian         ", &jacobian);
    describe("P_D, Hessian diagonal ", &diagonal);
    println!("  found in {analysis}\n");
    let picture = |pattern: &Pattern| pattern.to_braille(40, 20).replace('\n', "\n      ");
    if jacobian == diagonal {
        println!("  P_J = P_D\n      {}", picture(&jacobian));
    } else {
        println!("  P_J\n      {}\n\n  P_D\n      {}", picture(&jacobian), picture(&diagonal));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn runs() {
        super::main().unwrap();
    }
}
