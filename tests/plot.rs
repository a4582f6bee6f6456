//! Pictures: valid, bounded, and showing what they claim to show.
#![cfg(feature = "plot")]

#[path = "support/random.rs"]
mod random;
#[path = "support/says.rs"]
mod says;

use colorjet::coloring::{Coloring, Order, Side, partial_distance2_coloring};
use colorjet::plot::{self, Picture};
use colorjet::{Activation, ConvOptions, ErrorKind, Network, Pattern, Plan, PlanOptions, Quantity, Strategy};
use ndarray::{Array2, Array3};
use random::Random;
use roxmltree::{Document, Node};
use says::says;
use std::collections::{BTreeMap, BTreeSet};

/// The texts of a picture, all elements of which are known and all numbers finite.
fn texts(picture: &Picture) -> Vec<String> {
    let svg = picture.to_svg();
    assert!(svg.len() < 1 << 20, "{picture:?} has {} bytes", svg.len());
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{picture:?}");
    let document = Document::parse(&svg).unwrap();
    let known = ["svg", "g", "rect", "path", "circle", "text", "title"];
    let elements = || document.descendants().filter(Node::is_element);
    for element in elements() {
        assert!(known.contains(&element.tag_name().name()), "{element:?}");
        // Nothing is fetched from anywhere.
        assert!(element.attributes().all(|a| a.name() != "href" && !a.value().contains("url(")));
    }
    elements().filter(|e| e.has_tag_name("text")).map(|e| e.text().unwrap_or("").to_owned()).collect()
}

/// Width, height and pixels of the picture's PNG.
fn pixels(picture: &Picture) -> (usize, usize, Vec<[u8; 3]>) {
    let png = picture.to_png().unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut buffer = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut buffer).unwrap();
    let channels = info.color_type.samples();
    assert!(channels >= 3 && info.bit_depth == png::BitDepth::Eight);
    let pixels = buffer.chunks(channels).map(|p| [p[0], p[1], p[2]]).collect();
    (info.width as usize, info.height as usize, pixels)
}

/// A raster's cells by their place, `(line, column)`, and the size of a cell.
type Raster = (BTreeMap<(usize, usize), String>, (f64, f64));

/// All rasters of a picture, in the order in which they are drawn, from the paths that they are made of.
fn rasters(picture: &Picture) -> Vec<Raster> {
    let svg = picture.to_svg();
    let document = Document::parse(&svg).unwrap();
    let groups = document.descendants().filter(|n| n.attribute("shape-rendering") == Some("crispEdges"));
    let raster = |group: Node<'_, '_>| {
        let mut cells = BTreeMap::new();
        for path in group.children().filter(|n| n.has_tag_name("path")) {
            for run in path.attribute("d").unwrap().split('M').skip(1) {
                let (start, length) = run.split_once('h').unwrap();
                let (x, y) = start.split_once(' ').unwrap();
                let [x, y, length] = [x, y, length].map(|n| n.parse::<usize>().unwrap());
                for x in x..x + length {
                    let color = path.attribute("stroke").unwrap().to_owned();
                    assert_eq!(cells.insert((y, x), color), None, "a cell is drawn twice");
                }
            }
        }
        let scale = group.attribute("transform").unwrap().split_once("scale(").unwrap().1;
        let (w, h) = scale.trim_end_matches(')').split_once(' ').unwrap();
        (cells, (w.parse().unwrap(), h.parse().unwrap()))
    };
    groups.map(raster).collect()
}

fn chain(layers: usize) -> Network {
    let weight = || Array2::from_elem((2, 2), 0.1);
    (0..layers)
        .fold(Network::chain([2]), |net, _| net.dense(weight(), None).activation(Activation::Tanh))
        .build()
        .unwrap()
}

/// A one-dimensional convolution of five taps under tanh: a band.
fn band(n: usize) -> Network {
    let options = ConvOptions { padding: vec![[2, 2]], ..Default::default() };
    let weight = Array3::from_elem((1, 1, 5), 0.1).into_dyn();
    Network::chain([1, n]).conv(weight, None, &options).activation(Activation::Tanh).build().unwrap()
}

#[test]
fn small_patterns_show_every_entry_in_the_color_of_its_class() {
    let mut random = Random(3);
    for (rows, cols) in [(1, 1), (1, 9), (9, 1), (7, 5), (30, 41), (120, 300), (720, 720)] {
        let row = |_| (0..4).map(|_| (random.next() % cols as u64) as u32).collect::<Vec<_>>();
        let pattern = Pattern::from_rows(cols, (0..rows).map(row)).unwrap();
        for side in [Side::Columns, Side::Rows] {
            let coloring = partial_distance2_coloring(&pattern, side, Order::Natural);
            let picture = plot::pattern(&pattern, Some((&coloring, side))).unwrap();
            let (cells, _) = &rasters(&picture)[0];
            let drawn: BTreeSet<_> = cells.keys().copied().collect();
            let stored = (0..rows).flat_map(|i| pattern.row(i).iter().map(move |&j| (i, j as usize)));
            assert_eq!(drawn, stored.collect(), "{rows} × {cols}");
            // One color for each class, and one class for each color while colors can be told apart.
            let mut colors: BTreeMap<u32, BTreeSet<&String>> = BTreeMap::new();
            for (&(i, j), color) in cells {
                let vertex = if side == Side::Columns { j } else { i };
                colors.entry(coloring.color(vertex)).or_default().insert(color);
            }
            assert!(colors.values().all(|c| c.len() == 1));
            let distinct: BTreeSet<_> = colors.values().flatten().collect();
            assert_eq!(distinct.len(), colors.len());
            let title = &texts(&picture)[0];
            let vertices = if side == Side::Columns { cols } else { rows };
            assert!(title.starts_with(&format!("{rows} × {cols}, ")), "{title}");
            assert!(title.ends_with(&format!(" instead of {vertices}")), "{title}");
        }
    }
}

#[test]
fn a_cell_of_a_large_pattern_is_drawn_where_an_entry_falls_into_it() {
    let mut random = Random(4);
    for (rows, cols) in [(2_000, 2_000), (3_000, 1_700), (10, 100_000), (50_000, 3)] {
        let row = |i: usize| vec![(i * cols / rows) as u32, (random.next() % cols as u64) as u32];
        let pattern = Pattern::from_rows(cols, (0..rows).map(row)).unwrap();
        let picture = plot::pattern(&pattern, None).unwrap();
        // How many entries a cell stands for is said in words.
        let note = &texts(&picture)[1];
        let words: Vec<usize> = note.split(' ').filter_map(|w| w.replace(',', "").parse().ok()).collect();
        let [down, across] = words[..] else { panic!("{note}") };
        let (cells, (w, h)) = &rasters(&picture)[0];
        let expected: BTreeSet<_> =
            (0..rows).flat_map(|i| pattern.row(i).iter().map(move |&j| (i / down, j as usize / across))).collect();
        assert_eq!(cells.keys().copied().collect::<BTreeSet<_>>(), expected, "{rows} × {cols}");
        assert!(w * cols.div_ceil(across) as f64 <= 720.0 && h * rows.div_ceil(down) as f64 <= 720.0);
        // The detail shows entries of the pattern, one by one.
        let detail = &rasters(&picture)[1].0;
        let caption = texts(&picture).into_iter().find(|t| t.starts_with("detail: ")).unwrap();
        let bounds: Vec<usize> = caption.split([' ', ',']).filter_map(|w| w.parse().ok()).collect();
        assert!(!detail.is_empty() && !bounds.is_empty(), "{caption}");
    }
}

#[test]
fn darker_is_denser() {
    // The upper left quarter is full, the rest has a diagonal.
    let row = |i: u32| (0..2_000).filter(move |&j| (i < 1_000 && j < 1_000) || i == j);
    let pattern = Pattern::from_rows(2_000, (0..2_000).map(row)).unwrap();
    let (cells, _) = &rasters(&plot::pattern(&pattern, None).unwrap())[0];
    let brightness =
        |color: &str| (1..6).step_by(2).map(|k| u32::from_str_radix(&color[k..k + 2], 16).unwrap()).sum::<u32>();
    let last = cells.keys().max().unwrap();
    assert!(brightness(&cells[&(0, 0)]) < brightness(&cells[last]));
}

#[test]
fn the_largest_patterns_are_bounded() {
    // As irregular as can be: no two neighbors have one color.
    let mut random = Random(5);
    let n = 100_000usize;
    let row = |_| (0..30).map(|_| (random.next() % n as u64) as u32).collect::<Vec<_>>();
    let pattern = Pattern::from_rows(n, (0..n).map(row)).unwrap();
    let coloring = Coloring::from_colors((0..n as u32).map(|j| j % 997).collect());
    for (coloring, side) in [(&coloring, Side::Columns), (&coloring, Side::Rows)] {
        let picture = plot::pattern(&pattern, Some((coloring, side))).unwrap();
        texts(&picture);
        assert!(picture.size().0 < 1_600 && picture.size().1 < 1_600, "{picture:?}");
    }
}

#[test]
fn patterns_without_a_picture_are_refused() {
    says(plot::pattern(&Pattern::empty(0, 4).unwrap(), None), ErrorKind::Empty, &["0 × 4"]);
    says(plot::pattern(&Pattern::empty(4, 0).unwrap(), None), ErrorKind::Empty, &["4 × 0"]);
    let pattern = Pattern::empty(2, 3).unwrap();
    let coloring = Coloring::trivial(2);
    says(plot::pattern(&pattern, Some((&coloring, Side::Columns))), ErrorKind::Shape, &["2 colors", "3 columns"]);
    // Rows fit, and a pattern without entries is a picture.
    assert_eq!(
        texts(&plot::pattern(&pattern, Some((&coloring, Side::Rows))).unwrap())[0],
        "2 × 3, 0 entries, 2 colors instead of 2"
    );
    texts(&plot::pattern(&Pattern::empty(5_000, 3_000).unwrap(), None).unwrap());
}

#[test]
fn names_of_any_kind_are_drawn() {
    let names =
        ["<&\">".to_owned(), "слой_Ω_层".to_owned(), "n".repeat(300), "]]>\u{1}\u{202e}\n".to_owned(), " ".to_owned()];
    let mut builder = Network::builder();
    let mut x = builder.input("x", &[2]).unwrap();
    for name in &names {
        x = builder.activation(name, x, Activation::Tanh).unwrap();
    }
    let net = builder.build(&[x]).unwrap();
    let picture = plot::graph(&net).unwrap();
    let texts = texts(&picture);
    assert!(texts.contains(&names[0]) && texts.contains(&names[1]), "{texts:?}");
    assert!(texts.iter().any(|t| t.starts_with("nnn") && t.contains('…') && t.chars().count() < 60));
    assert!(picture.size().0 < 400, "{picture:?}");
    // The whole name is there for those who point at the box.
    assert!(picture.to_svg().contains(&format!("<title>{}</title>", names[2])));
    pixels(&picture);
}

#[test]
fn every_layer_has_a_box_and_boxes_do_not_overlap() {
    let mut random = Random(6);
    let mut builder = Network::builder();
    let mut layers = vec![builder.input("in", &[3]).unwrap(), builder.input("second", &[3]).unwrap()];
    for k in 0..60 {
        let operands: Vec<_> =
            (0..1 + random.next() % 3).map(|_| layers[random.next() as usize % layers.len()]).collect();
        layers.push(builder.add(&format!("sum{k}"), &operands).unwrap());
    }
    let net = builder.build(&layers[2..]).unwrap();
    let picture = plot::graph(&net).unwrap();
    let svg = picture.to_svg();
    let document = Document::parse(&svg).unwrap();
    let boxes: BTreeMap<String, [f64; 4]> = document
        .descendants()
        .filter(|n| n.has_tag_name("title"))
        .map(|title| {
            let rect = title.parent().unwrap().children().find(|n| n.has_tag_name("rect")).unwrap();
            let number = |name| rect.attribute(name).unwrap().parse::<f64>().unwrap();
            (title.text().unwrap().to_owned(), ["x", "y", "width", "height"].map(number))
        })
        .collect();
    assert_eq!(boxes.len(), net.layers().len());
    for (a, [x, y, w, h]) in &boxes {
        assert!(*x >= 0.0 && *y >= 0.0 && x + w < picture.size().0.into() && y + h < picture.size().1.into());
        for (b, [x2, y2, w2, h2]) in boxes.iter().filter(|(b, _)| *b != a) {
            let apart = x + w <= *x2 || x2 + w2 <= *x || y + h <= *y2 || y2 + h2 <= *y;
            assert!(apart, "{a} and {b} overlap");
        }
    }
    // Inputs at the top, and every layer below what it reads.
    assert_eq!((boxes["in"][1], boxes["second"][1]), (0.0, 0.0));
    for (id, layer) in net.layers() {
        for &operand in net.operands(id) {
            assert!(boxes[net.layer(operand).name()][1] < boxes[layer.name()][1], "{}", layer.name());
        }
    }
}

#[test]
fn large_graphs_are_folded_or_refused() {
    // 5000 layers in a row: the input, one box for the others but the last, and the output.
    let net = chain(2_500);
    let picture = plot::graph(&net).unwrap();
    assert!(picture.size().1 < 500, "{picture:?}");
    assert!(texts(&picture).iter().any(|t| t.starts_with("4,999 layers")), "{:?}", texts(&picture));
    // Residual blocks do not fold into few boxes.
    let mut builder = Network::builder();
    let mut x = builder.input("x", &[2]).unwrap();
    for k in 0..1_000 {
        let a = builder.activation(&format!("a{k}"), x, Activation::Tanh).unwrap();
        x = builder.add(&format!("s{k}"), &[x, a]).unwrap();
    }
    let residual = builder.build(&[x]).unwrap();
    says(plot::graph(&residual), ErrorKind::TooLarge, &["2001 layers", "300"]);
    // The sheet of its plan says so in place of the graph.
    let plan = Plan::new(&residual, Quantity::HessianDiagonal).unwrap();
    let said = texts(&plot::plan(&residual, &plan).unwrap()).join(" ");
    assert!(said.contains("2001 layers"), "{said}");
    // Everything reads everything.
    let mut builder = Network::builder();
    let mut layers = vec![builder.input("x", &[2]).unwrap()];
    for k in 0..120 {
        layers.push(builder.add(&format!("s{k}"), &layers).unwrap());
    }
    let dense = builder.build(&layers[120..]).unwrap();
    says(plot::graph(&dense), ErrorKind::TooLarge, &["edges"]);
}

#[test]
fn plans_are_drawn_with_the_colors_of_their_strategy() {
    let net = band(40);
    for (quantity, strategy, side) in [
        (Quantity::Jacobian, Strategy::Forward, "columns"),
        (Quantity::Jacobian, Strategy::Reverse, "rows"),
        (Quantity::HessianDiagonal, Strategy::DoubleForward, "columns"),
        // Its groups of outputs differ in the colors of their inputs, but the groups themselves can be shown.
        (Quantity::HessianDiagonal, Strategy::ReverseOverForward, "rows"),
        (Quantity::HessianDiagonal, Strategy::Dense, "column"),
    ] {
        let plan = Plan::with(&net, &PlanOptions::new(quantity).strategy(strategy)).unwrap();
        let said = texts(&plot::plan(&net, &plan).unwrap());
        assert_eq!(said[0], format!("{quantity}, {strategy}"));
        let title = said.iter().find(|t| t.contains(" instead of ")).unwrap();
        assert!(title.starts_with("40 × 40, "), "{title}");
        assert!(title.contains(&format!(" {} colors instead of 40", plan.colors())), "{strategy}: {title}");
        assert!(said.iter().any(|t| t.ends_with(&format!(" {side}"))), "{strategy}: {said:?}");
    }
    // The colors of the rows are those of the coloring, which suits the pattern.
    let reverse = Plan::with(&net, &PlanOptions::new(Quantity::Jacobian).strategy(Strategy::Reverse)).unwrap();
    let coloring = reverse.output_coloring().unwrap();
    colorjet::coloring::check_partial_distance2(reverse.pattern(), Side::Rows, coloring).unwrap();
    assert_eq!(coloring.count(), reverse.colors());
    let other = chain(1);
    says(plot::plan(&other, &reverse), ErrorKind::PlanMismatch, &["plan"]);
}

#[test]
fn heat_maps_show_every_number_of_a_small_input() {
    let mut random = Random(7);
    for shape in [vec![1, 1], vec![28, 28], vec![3, 32, 32], vec![2, 3, 4, 5], vec![5, 100]] {
        let values = random.numbers(shape.iter().product());
        let picture = plot::heat_map(&values, &shape, "numbers").unwrap();
        let (rows, cols) = (shape[shape.len() - 2], shape[shape.len() - 1]);
        let rasters = rasters(&picture);
        assert_eq!(rasters.len(), values.len() / (rows * cols), "one image for each channel");
        for ((cells, _), channel) in rasters.iter().zip(values.chunks(rows * cols)) {
            assert_eq!(cells.len(), rows * cols);
            for (k, value) in channel.iter().enumerate() {
                // Red is positive, blue is negative.
                let color = u32::from_str_radix(&cells[&(k / cols, k % cols)][1..], 16).unwrap();
                let (red, blue) = (color >> 16, color & 255);
                assert!(value.abs() < 0.1 || (red > blue) == (*value > 0.0), "{value}: {color:06x}");
            }
        }
        let most = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let labels = texts(&picture);
        let of = |t: &str| t.replace('−', "-").parse::<f64>().ok().filter(|v| (v.abs() - most).abs() < 0.01 * most);
        let ends: Vec<f64> = labels.iter().filter_map(|t| of(t)).collect();
        assert!(ends.iter().any(|&v| v > 0.0) && ends.iter().any(|&v| v < 0.0), "{labels:?}");
    }
}

#[test]
fn numbers_of_all_sizes_and_shapes_are_drawn() {
    let mut random = Random(8);
    let extremes = [f64::MAX, f64::MIN, 5e-324, 0.0];
    for shape in [vec![4], vec![1, 4], vec![2, 2], vec![2, 1, 2]] {
        texts(&plot::heat_map(&extremes, &shape, "").unwrap());
        for constant in [0.0, -0.0, 5e-324, f64::MAX, f64::MIN, -1e-310] {
            let picture = plot::heat_map(&[constant; 4], &shape, "one number").unwrap();
            texts(&picture);
            pixels(&picture);
        }
    }
    texts(&plot::heat_map(&[2.5], &[], "scalar").unwrap());
    texts(&plot::heat_map(&[2.5], &[1], "single").unwrap());
    for shape in
        [vec![200_000], vec![400, 500], vec![2_000, 10, 10], vec![2, 100_000], vec![100_000, 2], vec![50, 80, 50]]
    {
        let values = random.weights(200_000, 9);
        let picture = plot::heat_map(&values, &shape, &"title".repeat(1_000)).unwrap();
        texts(&picture);
        assert!(picture.size().0 < 1_600 && picture.size().1 < 1_600, "{shape:?}: {picture:?}");
    }
}

#[test]
fn a_series_keeps_its_peaks() {
    let mut values = vec![0.0; 1_000_000];
    (values[123_456], values[777_777]) = (3.0, -4.0);
    let picture = plot::heat_map(&values, &[values.len()], "peaks").unwrap();
    let svg = picture.to_svg();
    let document = Document::parse(&svg).unwrap();
    let line = document.descendants().find(|n| n.attribute("stroke-linejoin").is_some()).unwrap();
    let points = line.attribute("d").unwrap().split(['M', 'L']).skip(1);
    let points: Vec<(f64, f64)> =
        points.map(|p| p.split_once(' ').map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap())).unwrap()).collect();
    let (left, right) = (points[0].0, points[points.len() - 1].0);
    let at = |wanted: f64| (points.iter().find(|p| p.1 == wanted).unwrap().0 - left) / (right - left);
    let top = points.iter().map(|p| p.1).fold(f64::INFINITY, f64::min);
    let bottom = points.iter().map(|p| p.1).fold(0.0, f64::max);
    assert!((at(top) - 0.123_456).abs() < 1e-3 && (at(bottom) - 0.777_777).abs() < 1e-3);
    let zero = points[0].1;
    assert!(((bottom - zero) / (zero - top) - 4.0 / 3.0).abs() < 1e-2, "one scale for both signs");
}

#[test]
fn hostile_numbers_and_shapes_are_refused() {
    says(plot::heat_map(&[], &[0], ""), ErrorKind::Empty, &["zero"]);
    says(plot::heat_map(&[], &[3, 0, 2], ""), ErrorKind::Empty, &["3 × 0 × 2"]);
    says(plot::heat_map(&[1.0], &[2], ""), ErrorKind::Shape, &["1 numbers", "2"]);
    says(plot::heat_map(&[1.0, 2.0], &[], ""), ErrorKind::Shape, &["2 numbers"]);
    says(plot::heat_map(&[1.0], &[usize::MAX, usize::MAX], ""), ErrorKind::Shape, &["1 numbers"]);
    says(plot::heat_map(&[1.0, f64::NAN], &[2], ""), ErrorKind::NonFinite, &["number 1", "NaN"]);
    says(plot::heat_map(&[f64::NEG_INFINITY], &[1, 1], ""), ErrorKind::NonFinite, &["number 0"]);
}

#[test]
fn a_png_is_the_svg_twice_as_large_with_letters() {
    let picture = plot::graph(&chain(2)).unwrap();
    let (width, height, found) = pixels(&picture);
    assert_eq!((width as u32, height as u32), (2 * picture.size().0, 2 * picture.size().1));
    assert_eq!(found[0], [255; 3], "paper");
    // The title is in the uppermost lines: with no letters there would be nothing but paper.
    let dark = |rows: std::ops::Range<usize>| {
        found[rows.start * width..rows.end * width].iter().filter(|p| p[0] < 100).count()
    };
    assert!(dark(48..84) > 500, "{} dark pixels", dark(48..84));
    assert_eq!(dark(0..40), 0, "the margin");
}

#[test]
fn entries_of_a_png_are_where_they_belong() {
    // The identity of 20: a diagonal of 20 blocks of one color.
    let pattern = Pattern::from_rows(20, (0..20).map(|i| [i])).unwrap();
    let coloring = Coloring::from_colors(vec![0; 20]);
    let picture = plot::pattern(&pattern, Some((&coloring, Side::Rows))).unwrap();
    let (cells, (size, _)) = &rasters(&picture)[0];
    let color = u32::from_str_radix(&cells[&(0, 0)][1..], 16).unwrap().to_be_bytes();
    let (width, _, found) = pixels(&picture);
    let at = |p: &[u8; 3]| p == &color[1..];
    let per_row = |y: usize| found[y * width..(y + 1) * width].iter().filter(|p| at(p)).count();
    let columns: Vec<usize> = (0..found.len()).filter(|&k| at(&found[k])).map(|k| k % width).collect();
    // Strip and legend have the color too, so the entries are looked for at the right.
    let right = columns.iter().max().unwrap();
    let area = columns.len();
    let expected = 20.0 * (2.0 * size) * (2.0 * size);
    assert!(area as f64 > 0.8 * expected, "{area} pixels of {expected}");
    assert!(*right as f64 > 20.0 * size && (0..found.len() / width).map(per_row).max().unwrap() < width / 2);
}

#[test]
fn pictures_are_saved_by_their_ending() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("plot");
    std::fs::create_dir_all(&folder).unwrap();
    let picture = plot::graph(&chain(1)).unwrap();
    picture.save(folder.join("a.svg")).unwrap();
    assert_eq!(std::fs::read_to_string(folder.join("a.svg")).unwrap(), picture.to_svg());
    picture.save(folder.join("a.PNG")).unwrap();
    assert_eq!(std::fs::read(folder.join("a.PNG")).unwrap(), picture.to_png().unwrap());
    let fails = |name: &str, kind, words: &[&str]| {
        let error = picture.save(folder.join(name)).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().starts_with("in file "), "{error}");
        words.iter().for_each(|w| assert!(error.to_string().contains(w), "{error}"));
    };
    fails("a.pdf", ErrorKind::Unsupported, &["a.pdf", ".svg or .png", "\".pdf\""]);
    fails("picture", ErrorKind::Unsupported, &["no ending"]);
    fails("no/such/folder.svg", ErrorKind::Io, &["folder.svg"]);
}
