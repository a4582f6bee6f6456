//! Colorings: valid by the definitions, of the published sizes, and the same on every machine.

use colorjet::coloring::{
    Coloring, Order, Side, Violation, check_distance1, check_partial_distance2, distance1_coloring, lower_bound,
    partial_distance2_coloring,
};
use colorjet::{ErrorKind, Pattern};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

const SIDES: [Side; 2] = [Side::Columns, Side::Rows];
const ORDERS: [Order; 8] = [
    Order::Natural,
    Order::LargestFirst,
    Order::SmallestLast,
    Order::IncidenceDegree,
    Order::DynamicLargestFirst,
    Order::Random(1),
    Order::Random(u64::MAX),
    Order::Best,
];

fn pattern(cols: usize, rows: &[&[u32]]) -> Pattern {
    Pattern::from_rows(cols, rows.iter().map(|r| r.iter().copied())).unwrap()
}

/// Entries within `half` of the diagonal.
fn band(n: u32, half: u32) -> Pattern {
    let row = |i: u32| i.saturating_sub(half)..(i + half + 1).min(n);
    Pattern::from_rows(n as usize, (0..n).map(row)).unwrap()
}

/// Diagonal, first row and first column.
fn arrow(n: u32) -> Pattern {
    let row = |i: u32| if i == 0 { (0..n).collect() } else { vec![0, i] };
    Pattern::from_rows(n as usize, (0..n).map(row)).unwrap()
}

/// Any pattern up to 12 × 12, with repeated, empty and full rows.
fn patterns() -> impl Strategy<Value = Pattern> {
    (0usize..=12, 0usize..=12).prop_flat_map(|(rows, cols)| {
        let most = if cols == 0 { 0 } else { 6 };
        let row = prop::collection::vec(0..cols.max(1) as u32, 0..=most);
        let distinct = prop::collection::vec(row, rows);
        let chosen = prop::collection::vec(0..rows.max(1), rows);
        (distinct, chosen, any::<bool>()).prop_map(move |(distinct, chosen, full)| {
            let mut picked: Vec<_> = chosen.iter().map(|&i| distinct[i].clone()).collect();
            if let (true, Some(row)) = (full && cols % 3 == 0, picked.first_mut()) {
                *row = (0..cols as u32).collect();
            }
            Pattern::from_rows(cols, picked).unwrap()
        })
    })
}

/// Any symmetric pattern up to 12 × 12, some with entries on the diagonal.
fn graphs() -> impl Strategy<Value = Pattern> {
    (0usize..=12).prop_flat_map(|n| {
        let end = 0..n.max(1) as u32;
        prop::collection::vec((end.clone(), end), 0..=if n == 0 { 0 } else { 30 }).prop_map(move |edges| {
            let mut rows = vec![Vec::new(); n];
            for (i, j) in edges {
                rows[i as usize].push(j);
                rows[j as usize].push(i);
            }
            Pattern::from_rows(n, rows).unwrap()
        })
    })
}

/// First fit by the textbook: the smallest color that no earlier column with a common row has.
fn literal_natural(pattern: &Pattern) -> Vec<u32> {
    let rows_of = pattern.transpose();
    let mut colors = vec![None; pattern.cols()];
    for v in 0..pattern.cols() {
        let neighbors = rows_of.row(v).iter().flat_map(|&i| pattern.row(i as usize));
        let taken: Vec<Option<u32>> = neighbors.map(|&u| colors[u as usize]).collect();
        colors[v] = (0..).find(|&c| !taken.contains(&Some(c)));
    }
    colors.into_iter().flatten().collect()
}

proptest! {
    #[test]
    fn partial_distance2_is_valid(p in patterns()) {
        for side in SIDES {
            let best = partial_distance2_coloring(&p, side, Order::Best);
            for order in ORDERS {
                let coloring = partial_distance2_coloring(&p, side, order);
                prop_assert_eq!(check_partial_distance2(&p, side, &coloring), Ok(()), "{} {}", side, order);
                prop_assert!(coloring.count() >= lower_bound(&p, side));
                prop_assert!(coloring.count() >= best.count() || !in_best(order));
                prop_assert_eq!(&Coloring::from_colors(coloring.colors().to_vec()), &coloring);
            }
        }
    }

    #[test]
    fn distance1_is_valid(graph in graphs()) {
        let best = distance1_coloring(&graph, Order::Best).unwrap();
        for order in ORDERS {
            let coloring = distance1_coloring(&graph, order).unwrap();
            prop_assert_eq!(check_distance1(&graph, &coloring), Ok(()), "{}", order);
            prop_assert!(coloring.count() >= best.count() || !in_best(order));
            prop_assert_eq!(&Coloring::from_colors(coloring.colors().to_vec()), &coloring);
        }
    }

    #[test]
    fn rows_mirror_columns(p in patterns()) {
        for order in ORDERS {
            let rows = partial_distance2_coloring(&p, Side::Rows, order);
            prop_assert_eq!(rows, partial_distance2_coloring(&p.transpose(), Side::Columns, order));
        }
    }

    #[test]
    fn natural_is_first_fit(p in patterns()) {
        let coloring = partial_distance2_coloring(&p, Side::Columns, Order::Natural);
        prop_assert_eq!(coloring.colors(), literal_natural(&p));
    }

    /// Every pair with a common row is found by the checker, and no other pair.
    #[test]
    fn checker_rejects_exactly_the_conflicts(p in patterns()) {
        let distinct = Coloring::trivial(p.cols());
        for (u, v) in (0..p.cols()).flat_map(|v| (0..v).map(move |u| (u, v))) {
            let mut colors = distinct.colors().to_vec();
            colors[v] = colors[u];
            let in_conflict = (0..p.rows()).any(|i| p.contains(i, u) && p.contains(i, v));
            let verdict = check_partial_distance2(&p, Side::Columns, &Coloring::from_colors(colors));
            prop_assert_eq!(verdict.is_err(), in_conflict);
            if let Err(Violation::SharedLine { vertices, line, .. }) = verdict {
                prop_assert_eq!(vertices, [u as u32, v as u32]);
                prop_assert!(p.contains(line as usize, u) && p.contains(line as usize, v));
            }
        }
    }
}

/// Whether [`Order::Best`] tries this order.
fn in_best(order: Order) -> bool {
    !matches!(order, Order::DynamicLargestFirst | Order::Random(_))
}

#[test]
fn checker_names_the_witness() {
    let p = pattern(3, &[&[0], &[0, 2]]);
    let spoiled = Coloring::from_colors(vec![5, 9, 5]);
    let violation = check_partial_distance2(&p, Side::Columns, &spoiled).unwrap_err();
    assert_eq!(violation.to_string(), "columns 0 and 2 share color 0 and meet in row 1");
    let violation = check_partial_distance2(&p, Side::Rows, &Coloring::from_colors(vec![0, 0])).unwrap_err();
    assert_eq!(violation.to_string(), "rows 0 and 1 share color 0 and meet in column 0");
    let violation = check_distance1(&band(3, 1), &Coloring::from_colors(vec![0, 1, 1])).unwrap_err();
    assert_eq!(violation.to_string(), "vertices 1 and 2 share color 1 and are joined by entry (1, 2)");
    let violation = check_distance1(&band(3, 1), &Coloring::trivial(2)).unwrap_err();
    assert_eq!(violation, Violation::Length { vertices: 3, colored: 2 });
    let violation = check_distance1(&p, &Coloring::trivial(2)).unwrap_err();
    assert_eq!(violation, Violation::NotSquare { rows: 2, cols: 3 });
}

#[test]
fn asymmetry_is_refused_with_a_witness() {
    for (rows, message) in [
        ([&[1][..], &[0, 2], &[]], "entry (1, 2) is stored without (2, 1)"),
        ([&[][..], &[], &[0]], "entry (2, 0) is stored without (0, 2)"),
    ] {
        let error = distance1_coloring(&pattern(3, &rows), Order::Natural).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::NotSymmetric, message));
    }
    let error = distance1_coloring(&Pattern::empty(2, 3).unwrap(), Order::Natural).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Shape);
}

#[test]
fn nothing_to_color() {
    for (rows, cols) in [(0, 0), (0, 4), (4, 0), (4, 4), (1, 1)] {
        let p = Pattern::empty(rows, cols).unwrap();
        for order in ORDERS {
            for (side, n) in [(Side::Columns, cols), (Side::Rows, rows)] {
                let coloring = partial_distance2_coloring(&p, side, order);
                assert_eq!((coloring.colors(), coloring.count()), (&vec![0; n][..], n.min(1)));
            }
            if rows == cols {
                assert_eq!(distance1_coloring(&p, order).unwrap().count(), rows.min(1));
            }
        }
    }
}

#[test]
fn known_answers() {
    for order in [Order::Natural, Order::Best] {
        for side in SIDES {
            assert_eq!(partial_distance2_coloring(&band(50, 1), side, order).count(), 3);
            assert_eq!(partial_distance2_coloring(&band(50, 2), side, order).count(), 5);
        }
        assert_eq!(distance1_coloring(&band(50, 1), order).unwrap().count(), 2);
        assert_eq!(distance1_coloring(&band(50, 2), order).unwrap().count(), 3);
    }
    for order in ORDERS {
        assert_eq!(partial_distance2_coloring(&arrow(10), Side::Rows, order).count(), 10);
        assert_eq!(partial_distance2_coloring(&arrow(10), Side::Columns, order).count(), 10);
        assert_eq!(distance1_coloring(&arrow(10), order).unwrap().count(), 2);
    }
}

#[test]
fn a_full_row_costs_nothing_and_empty_columns_share_color_0() {
    let n = 1_000_000;
    let p = Pattern::from_rows(n, [vec![5, 6], (1..n as u32).collect(), vec![9]]).unwrap();
    for order in ORDERS {
        let coloring = partial_distance2_coloring(&p, Side::Columns, order);
        assert_eq!(coloring.count(), n - 1);
        assert_eq!((coloring.color(0), coloring.color(1), coloring.color(n - 1)), (0, 0, n as u32 - 2));
    }
}

/// The colors of the short rows lie far beyond the eight for each member that their sets have room for.
#[test]
fn first_fit_with_short_rows_among_high_colors() {
    let long = (0..400).filter(|j| j % 4 != 1).collect();
    let short = (0..399).map(|i| vec![i, i + 1, (i * 7) % 400]);
    let p = Pattern::from_rows(400, std::iter::once(long).chain(short)).unwrap();
    let coloring = partial_distance2_coloring(&p, Side::Columns, Order::Natural);
    assert_eq!(coloring.colors(), literal_natural(&p));
    for order in ORDERS {
        let coloring = partial_distance2_coloring(&p, Side::Columns, order);
        assert_eq!((check_partial_distance2(&p, Side::Columns, &coloring), coloring.count()), (Ok(()), 300), "{order}");
    }
}

/// Two overlapping long rows, each many times: quadratic work would take hours.
#[test]
fn long_repeated_rows_take_linear_time() {
    let n = 1_000_000;
    let row = |i: u32| {
        if i.is_multiple_of(2) { 0..600_000 } else { 400_000..n }
    };
    let p = Pattern::from_rows(n as usize, (0..8).map(row)).unwrap();
    let coloring = partial_distance2_coloring(&p, Side::Columns, Order::Best);
    assert_eq!(check_partial_distance2(&p, Side::Columns, &coloring), Ok(()));
    assert_eq!(coloring.count(), 600_000);
}

#[test]
fn colors_are_stable() {
    let p = pattern(9, &[&[0, 4, 8], &[1, 4], &[2, 3, 4], &[3, 7], &[5, 6, 7, 8], &[1, 6], &[0, 2]]);
    let expected = [
        ("natural", [0, 0, 1, 0, 2, 0, 1, 2, 3]),
        ("largest-first", [2, 1, 1, 3, 0, 3, 0, 2, 1]),
        ("smallest-last", [0, 0, 2, 0, 1, 0, 3, 1, 2]),
        ("incidence-degree", [3, 0, 2, 0, 1, 3, 2, 1, 0]),
        ("dynamic-largest-first", [2, 0, 0, 2, 1, 3, 2, 1, 0]),
        ("random:1", [0, 0, 2, 0, 1, 0, 2, 1, 3]),
        ("random:2", [0, 0, 1, 0, 2, 0, 2, 1, 3]),
        ("random:18446744073709551615", [0, 2, 2, 0, 1, 1, 0, 2, 3]),
        ("best", [0, 0, 1, 0, 2, 0, 1, 2, 3]),
    ];
    for (order, colors) in expected {
        let coloring = partial_distance2_coloring(&p, Side::Columns, order.parse().unwrap());
        assert_eq!(coloring.colors(), colors, "{order}");
    }
}

#[test]
fn names_of_orders() {
    for order in ORDERS {
        assert_eq!(order.to_string().parse::<Order>().unwrap(), order);
    }
    assert_eq!("random".parse::<Order>().unwrap(), Order::Random(0));
    for name in ["", "Natural", "random:", "random:-1", "random:x", "natural:1"] {
        assert_eq!(name.parse::<Order>().unwrap_err().kind(), ErrorKind::InvalidParameter);
    }
}

#[test]
fn groups_hold_every_vertex_once() {
    let coloring = Coloring::from_colors(vec![u32::MAX, 3, 8, 3]);
    assert_eq!((coloring.count(), coloring.colors()), (3, &[2, 0, 1, 0][..]));
    assert_eq!(coloring.groups(), [vec![1, 3], vec![2], vec![0]]);
    assert_eq!(Coloring::trivial(3).groups(), [[0], [1], [2]]);
    assert!(Coloring::trivial(0).groups().is_empty());
}

fn reference() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference");
    if !folder.is_dir() {
        println!("skipped: there is no {}", folder.display());
    }
    folder.is_dir().then_some(folder)
}

/// Rows of a table of counts that are about the problems of this test: matrix, problem, order, colors.
fn expected_counts(file: &Path) -> Vec<(String, String, Order, usize)> {
    let table = std::fs::read_to_string(file).unwrap();
    let rows = table.lines().skip(1).map(|line| {
        let words: Vec<&str> = line.rsplitn(4, ',').collect();
        // Published tables have a source before the matrix.
        let matrix = words[3].rsplit(',').next().unwrap().to_owned();
        (matrix, words[2].to_owned(), words[1].replace('_', "-").parse().unwrap(), words[0].parse().unwrap())
    });
    rows.filter(|(_, problem, ..)| problem == "distance_one" || problem.ends_with("partial_distance_two")).collect()
}

/// The number of colors that we reach, after the checker has agreed.
fn checked_count(pattern: &Pattern, problem: &str, order: Order) -> usize {
    let side = match problem {
        "column_partial_distance_two" => Side::Columns,
        "row_partial_distance_two" => Side::Rows,
        _ => {
            let coloring = distance1_coloring(pattern, order).unwrap();
            assert_eq!(check_distance1(pattern, &coloring), Ok(()));
            return coloring.count();
        }
    };
    let coloring = partial_distance2_coloring(pattern, side, order);
    assert_eq!(check_partial_distance2(pattern, side, &coloring), Ok(()));
    coloring.count()
}

#[test]
fn published_counts_are_met_exactly() {
    let Some(folder) = reference() else { return };
    let expected = expected_counts(&folder.join("published_counts.csv"));
    assert_eq!(expected.len(), 10);
    let p = Pattern::load_matrix_market(folder.join("matrices/lp_ken_11.mtx")).unwrap();
    for (matrix, problem, order, colors) in expected {
        assert_eq!(checked_count(&p, &problem, order), colors, "{matrix} {problem} {order}");
    }
}

/// Natural order leaves no freedom; elsewhere ties and degrees do, and ColPack 1.0.10 is to be met or beaten.
#[test]
fn colpack_is_met_or_beaten() {
    let Some(folder) = reference() else { return };
    let expected = expected_counts(&folder.join("colpack_1.0.10_counts.csv"));
    assert_eq!(expected.len(), 139);
    for (matrix, problem, order, colors) in expected {
        let p = Pattern::load_matrix_market(folder.join(format!("matrices/{matrix}.mtx"))).unwrap();
        let ours = checked_count(&p, &problem, order);
        let fits = if order == Order::Natural { ours == colors } else { ours <= colors };
        assert!(fits, "{matrix} {problem} {order}: {ours}, ColPack {colors}");
    }
}
