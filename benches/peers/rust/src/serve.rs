//! Answers requests, a line each: `NAME QUANTITY SECONDS` for times, `values NAME QUANTITY` for numbers,
//! `rates NAME QUANTITY SECONDS` for operations a second in products of matrices and, if the network has one function
//! everywhere, for evaluations of it a second; `quit`.
//!
//! A quantity is D, J, L, yJD (value, Jacobian and Hessian diagonal from one plan) or `pattern` (the analysis alone).
//! The answer is a line of JSON. Networks and plans are made when they are first asked for, and kept.

use crate::job::{Case, Job};
use crate::machine;
use colorjet::{Network, Pattern, Quantity, Scalar, Sparsity};
use ndarray::{Array1, Array2};
use ndarray_npy::{read_npy, write_npy};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::error::Error;
use std::hint;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Fewest samples of a time.
const LEAST: usize = 3;

/// Time of runs before those that are timed: threads that were idle may be kept on one core for some tens of milliseconds.
const WARM_UP: Duration = Duration::from_millis(100);

/// Runs shorter than this are timed in groups that take about as long.
const SHORTEST: f64 = 100e-6;

/// Most entries of a matrix that is written with its zeros.
const DENSE: usize = 1 << 22;

type Answer = Result<Value, Box<dyn Error>>;

pub fn serve<T: Scalar>(dir: &Path) -> Result<(), Box<dyn Error>> {
    let mut server = Server::<T> { dir: dir.to_owned(), cases: HashMap::new(), jobs: HashMap::new() };
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words[..] {
            [] => continue,
            ["quit"] => break,
            ["values", name, what] => server.values(name, what),
            ["rates", name, what, seconds] => server.rates(name, what, seconds),
            [name, what, seconds] => server.times(name, what, seconds),
            _ => Err("neither [rates] NAME QUANTITY SECONDS, nor values NAME QUANTITY, nor quit".into()),
        };
        println!("{}", answer.unwrap_or_else(|e| json!({ "request": line, "error": e.to_string() })));
        io::stdout().flush()?;
    }
    Ok(())
}

struct Server<T> {
    dir: PathBuf,
    cases: HashMap<String, Rc<Case<T>>>,
    jobs: HashMap<(String, String), Job<T>>,
}

impl<T: Scalar> Server<T> {
    fn path(&self, name: &str, ending: &str) -> PathBuf {
        self.dir.join(format!("{name}.{ending}"))
    }

    fn case(&mut self, name: &str) -> Result<Rc<Case<T>>, Box<dyn Error>> {
        if let Some(case) = self.cases.get(name) {
            return Ok(case.clone());
        }
        let net = Network::load(self.path(name, "safetensors"))?.cast()?;
        let points: Array2<f64> = read_npy(self.path(name, "x.npy"))?;
        let case = Rc::new(Case { net, points: points.mapv(T::from_f64) });
        self.cases.insert(name.to_owned(), case.clone());
        Ok(case)
    }

    /// The job, which has run at least once.
    fn job(&mut self, name: &str, what: &str) -> Result<&mut Job<T>, Box<dyn Error>> {
        let key = (name.to_owned(), what.to_owned());
        if !self.jobs.contains_key(&key) {
            let mut job = Job::new(self.case(name)?, what)?;
            job.run()?;
            self.jobs.insert(key.clone(), job);
        }
        Ok(self.jobs.get_mut(&key).expect("made above"))
    }

    fn rates(&mut self, name: &str, what: &str, seconds: &str) -> Answer {
        let budget = Duration::try_from_secs_f64(seconds.parse()?)?;
        let job = self.job(name, what)?;
        let second = job.plan().quantity() != Quantity::Jacobian;
        let functions = job.functions().map(|(_, function)| machine::functions::<T>(function, second, budget));
        Ok(json!({ "flops": machine::products::<T>(budget), "functions": functions }))
    }

    fn times(&mut self, name: &str, what: &str, seconds: &str) -> Answer {
        let budget = Duration::try_from_secs_f64(seconds.parse()?)?;
        if what == "pattern" {
            let net = &self.case(name)?.net;
            let analyze = || Sparsity::of(net)?.jacobian();
            analyze()?;
            let seconds = sample(budget, || {
                hint::black_box(analyze()?);
                Ok(())
            })?;
            return Ok(json!({
                "name": name, "quantity": what, "seconds": seconds, "strategy": null, "lanes": null,
                "operations": null, "functions": null,
            }));
        }
        let job = self.job(name, what)?;
        let seconds = sample(budget, || job.run())?;
        Ok(json!({
            "name": name, "quantity": what, "seconds": seconds, "strategy": job.plan().strategy().to_string(),
            "lanes": job.plan().passes().lanes(), "operations": job.operations(),
            "functions": job.functions().map(|(count, _)| count),
        }))
    }

    /// Writes what a run yields: `NAME.QUANTITY.npy` with m × n numbers if that is little, or points × entries with
    /// the structure beside it; Laplacians points × m. For yJD that is D; y and J are `NAME.yJD.y.npy`, `NAME.yJD.J.npy`.
    fn values(&mut self, name: &str, what: &str) -> Answer {
        let (dir, mut written) = (self.dir.clone(), Vec::new());
        let mut put = |part: &str, array: &dyn Fn(&Path) -> Result<(), ndarray_npy::WriteNpyError>| {
            let file = format!("{name}.{part}.npy");
            array(&dir.join(&file))?;
            written.push(file);
            Ok::<(), Box<dyn Error>>(())
        };
        if what == "pattern" {
            let pattern = Sparsity::of(&self.case(name)?.net)?.jacobian()?;
            let [indices, indptr] = structure(&pattern);
            put("pattern.indices", &|path| write_npy(path, &indices))?;
            put("pattern.indptr", &|path| write_npy(path, &indptr))?;
        } else {
            let job = self.job(name, what)?;
            job.run()?;
            for (result, numbers, pattern) in job.results() {
                let part = &if what.ends_with(result) { what.to_owned() } else { format!("{what}.{result}") };
                let numbers = numbers.mapv(Scalar::to_f64);
                let Some(pattern) = pattern else {
                    put(part, &|path| write_npy(path, &numbers))?;
                    continue;
                };
                if numbers.nrows() == 1 && pattern.rows() * pattern.cols() <= DENSE {
                    put(part, &|path| write_npy(path, &with_zeros(&numbers, pattern)))?;
                    continue;
                }
                let [indices, indptr] = structure(pattern);
                put(part, &|path| write_npy(path, &numbers))?;
                put(&format!("{part}.indices"), &|path| write_npy(path, &indices))?;
                put(&format!("{part}.indptr"), &|path| write_npy(path, &indptr))?;
            }
        }
        Ok(json!({ "name": name, "quantity": what, "files": written }))
    }
}

/// Seconds of each run, or of the mean run of a group, until the time is up.
fn sample(budget: Duration, mut run: impl FnMut() -> colorjet::Result<()>) -> colorjet::Result<Vec<f64>> {
    let mut group = |size: u32| {
        let start = Instant::now();
        (0..size).try_for_each(|_| run())?;
        Ok(start.elapsed().as_secs_f64() / f64::from(size))
    };
    let start = Instant::now();
    let mut last = group(1)?;
    while start.elapsed() < WARM_UP {
        last = group(1)?;
    }
    let size = (SHORTEST / last).ceil().max(1.0) as u32;
    let (start, mut samples) = (Instant::now(), Vec::new());
    while samples.len() < LEAST || start.elapsed() < budget {
        samples.push(group(size)?);
    }
    Ok(samples)
}

/// Column indices, and where each row begins.
fn structure(pattern: &Pattern) -> [Array1<i64>; 2] {
    let indices = pattern.indices().iter().map(|&j| i64::from(j)).collect();
    [indices, pattern.indptr().iter().map(|&p| p as i64).collect()]
}

fn with_zeros(numbers: &Array2<f64>, pattern: &Pattern) -> Array2<f64> {
    let mut matrix = Array2::zeros((pattern.rows(), pattern.cols()));
    let mut numbers = numbers.iter();
    for i in 0..pattern.rows() {
        for (&j, &number) in pattern.row(i).iter().zip(&mut numbers) {
            matrix[[i, j as usize]] = number;
        }
    }
    matrix
}
