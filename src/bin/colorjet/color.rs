//! `colorjet color`: how many colors does the structure of a matrix need?

use crate::args::{ColorArgs, Problem};
use crate::failure::Failure;
use crate::report::{self, Coloring, Report};
use colorjet::coloring::{
    self, Side, Violation, check_distance1, check_partial_distance2, distance1_coloring, lower_bound,
    partial_distance2_coloring,
};
use colorjet::{Order, Pattern, plot};
use std::io::{self, Write};
use std::time::Instant;

/// A coloring, what the checker says to it, and a bound from below.
struct Answer {
    coloring: coloring::Coloring,
    check: Result<(), Violation>,
    lower_bound: Option<usize>,
    seconds: f64,
}

pub fn run(args: &ColorArgs) -> Result<(), Failure> {
    let start = Instant::now();
    let pattern = Pattern::load_matrix_market(&args.matrix)?;
    let read_seconds = start.elapsed().as_secs_f64();
    let file = format!("in file {:?}", args.matrix.display().to_string());
    let answer = answer(&pattern, args.problem, args.order).map_err(|e| format!("{file}: {e}"));
    let answer = answer.map_err(Failure::Refused)?;
    if let Some(path) = &args.plot {
        let side = if args.problem == Problem::Row { Side::Rows } else { Side::Columns };
        plot::pattern(&pattern, Some((&answer.coloring, side)))?.save(path)?;
    }
    if args.json {
        let report = Report {
            n: pattern.cols(),
            m: pattern.rows(),
            nnz: Some(pattern.nnz()),
            colors: Some(answer.coloring.count()),
            threads: 1,
            plan_seconds: Some(read_seconds),
            run_seconds: Some(answer.seconds),
            coloring: Some(Coloring { valid: answer.check.is_ok(), lower_bound: answer.lower_bound }),
            ..Report::default()
        };
        report.print()?;
    } else {
        let vertices = if args.problem == Problem::Row { "rows" } else { "columns" };
        let bound = answer.lower_bound.map_or(String::new(), |bound| format!(", at least {bound} are needed"));
        let mut out = io::stdout().lock();
        writeln!(out, "{}×{}, {} entries", pattern.rows(), pattern.cols(), pattern.nnz())?;
        writeln!(
            out,
            "  colors    {} for {} {vertices}{bound}",
            answer.coloring.count(),
            answer.coloring.colors().len()
        )?;
        writeln!(out, "  order     {}", args.order)?;
        report::remark(&format!("colored in {}", report::duration(answer.seconds)));
    }
    answer.check.map_err(|violation| Failure::Refused(format!("{file}: the coloring is not valid: {violation}")))
}

fn answer(pattern: &Pattern, problem: Problem, order: Order) -> Result<Answer, String> {
    let partial = |pattern: &Pattern, side| {
        let start = Instant::now();
        let coloring = partial_distance2_coloring(pattern, side, order);
        let seconds = start.elapsed().as_secs_f64();
        let check = check_partial_distance2(pattern, side, &coloring);
        Answer { coloring, check, lower_bound: Some(lower_bound(pattern, side)), seconds }
    };
    let missing = |what: &str| Err(format!("{what} is not among the problems that this version solves"));
    match problem {
        Problem::Column => Ok(partial(pattern, Side::Columns)),
        Problem::Row => Ok(partial(pattern, Side::Rows)),
        Problem::Distance1 => {
            let start = Instant::now();
            let coloring = distance1_coloring(pattern, order).map_err(|e| e.to_string())?;
            let seconds = start.elapsed().as_secs_f64();
            let check = check_distance1(pattern, &coloring);
            Ok(Answer { coloring, check, lower_bound: None, seconds })
        }
        Problem::Distance2 => Ok(partial(&closed_neighborhoods(pattern)?, Side::Columns)),
        Problem::Star => missing("star coloring"),
        Problem::Acyclic => missing("acyclic coloring"),
        Problem::Bidirectional => missing("bidirectional coloring"),
    }
}

/// The pattern of a graph with a full diagonal: row k holds k and its neighbors.
///
/// Two vertices are in a common row if and only if they are neighbors (in the rows of both) or have a common
/// neighbor, so that a partial distance-2 coloring of its columns is a distance-2 coloring of the graph, and
/// conversely.
fn closed_neighborhoods(graph: &Pattern) -> Result<Pattern, String> {
    let (rows, cols) = (graph.rows(), graph.cols());
    if rows != cols {
        return Err(format!("distance-2 coloring of a {rows}×{cols} pattern, which is not square"));
    }
    if graph.transpose() != *graph {
        return Err("distance-2 coloring of a pattern that is not symmetric".to_owned());
    }
    let diagonal = Pattern::from_rows(cols, (0..rows as u32).map(|i| [i]));
    diagonal.and_then(|diagonal| graph.union(&diagonal)).map_err(|e| e.to_string())
}
