//! A module imports only from modules below it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The levels of the house, from the ground up; modules of one level do not know each other.
const LEVELS: [&[&str]; 16] = [
    &["buffer", "cost", "dual", "error", "memory", "scalar", "sets", "spread", "windows"],
    &["activation", "pattern", "rows", "strategy"],
    &["gemm"],
    &["coloring", "layer", "spy"],
    &["network"],
    &["rotation"],
    &["compress", "files", "influence", "readout", "schedule", "sparsity", "tape"],
    &["apart", "forward", "tiles"],
    &["reverse", "vectors"],
    &["nodal"],
    &["program", "workspace"],
    &["planner"],
    &["plan"],
    &["plot", "results", "run"],
    &["exec"],
    &["calls", "guide"],
];

/// Every `crate::module` that the code of a file names; comments may point anywhere.
fn named(text: &str) -> Vec<String> {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or(""));
    code.flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>())
        .filter(|name| !name.is_empty())
        .collect()
}

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn imports_point_downward() {
    let levels: BTreeMap<&str, usize> =
        LEVELS.iter().enumerate().flat_map(|(level, names)| names.iter().map(move |n| (*n, level))).collect();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    files(&source, &mut paths);
    let mut seen = 0;
    // The command is a crate of its own: it sees what the library makes public.
    for path in paths.iter().filter(|p| !p.ends_with("lib.rs") && !p.starts_with(source.join("bin"))) {
        let relative = path.strip_prefix(&source).unwrap();
        let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
        let module = first.trim_end_matches(".rs");
        let Some(level) = levels.get(module) else { panic!("module {module} has no level") };
        for name in named(&fs::read_to_string(path).unwrap()) {
            let Some(other) = levels.get(name.as_str()) else {
                panic!("{}: `crate::{name}` is no module with a level", relative.display());
            };
            assert!(name == module || other < level, "{}: {module} imports {name}", relative.display());
            seen += 1;
        }
    }
    assert!(seen > 100, "the scan finds imports");
}

/// The list in the crate's documentation names every module once, and no item stands on one after it.
#[test]
fn the_house_is_described_from_the_ground_up() {
    let library = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let (_, house) = library.split_once("# The house").unwrap();
    let house = house.lines().skip(1).map_while(|line| line.strip_prefix("//!"));
    let mut items: Vec<Vec<&str>> = Vec::new();
    for line in house {
        if line.trim_start().starts_with(|c: char| c.is_ascii_digit()) {
            items.push(Vec::new());
        }
        if let Some(item) = items.last_mut() {
            item.extend(line.split('`').skip(1).step_by(2));
        }
    }
    let level = |name: &&str| LEVELS.iter().position(|names| names.contains(name)).expect("a module");
    let levels: Vec<Vec<usize>> = items.iter().map(|item| item.iter().map(level).collect()).collect();
    let ends = |levels: &Vec<usize>| (*levels.iter().min().unwrap(), *levels.iter().max().unwrap());
    assert!(levels.windows(2).all(|pair| ends(&pair[0]).1 <= ends(&pair[1]).0), "{levels:?}");
    let mut named: Vec<&str> = items.concat();
    let mut all: Vec<&str> = LEVELS.concat();
    named.sort_unstable();
    all.sort_unstable();
    assert_eq!(named, all);
}
